// The Python SDK against the two reference servers behind the proxy, on both endpoints.
//
// The steps are Python (`python/steps.py`). They run in a virtual environment at `.venv` in the
// repository, which is made from `requirements.txt` when it is missing or out of date. All that is
// needed beforehand is `python3` (3.10 or newer), or the interpreter that PYTHON names.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { eachLine } from '../support/lines.mjs';
import { repositoryRoot, startProxy } from '../support/proxy.mjs';
import { Wiretap } from '../support/wiretap.mjs';
import { servers } from './servers.mjs';

const run = promisify(execFile);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const ENVIRONMENT = join(repositoryRoot, '.venv');
const REQUIREMENTS = here('requirements.txt');
const INSTALLED = join(ENVIRONMENT, 'installed-requirements.txt');

describe('Python SDK', () => {
  let python;
  before(async () => {
    python = await environment();
  });

  for (const [name, { open }] of Object.entries(servers)) {
    for (const endpoint of ['/mcp', '/sse']) {
      test(`server-${name} on ${endpoint}`, async (t) => {
        const server = await open();
        const tap = await Wiretap.open();
        const proxy = await startProxy({ command: tap.wrap(server.command) });
        t.after(async () => {
          await proxy.stop();
          tap.close();
          await server.close();
        });

        const directory = server.directory === undefined ? [] : [server.directory];
        const outcomes = await takeSteps(python, [proxy.url + endpoint, name, ...directory]);
        for (const { error, step } of outcomes) {
          await t.test(step, () => assert.equal(error, null, error));
        }
        if (name === 'everything') await t.test('cancel reached the server', () => assertCancelled(tap));
      });
    }
  }
});

async function takeSteps(python, words) {
  const outcomes = [];
  // The SDK warns about what the newest protocol revision no longer has.
  const script = ['-W', 'ignore', here('python/steps.py'), ...words];
  const child = spawn(python, script, { stdio: ['ignore', 'pipe', 'inherit'] });
  eachLine(child.stdout, (line) => outcomes.push(JSON.parse(line)));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, 'the steps must run to the end');
  assert.ok(outcomes.length > 0);
  return outcomes;
}

/** The server was told to stop the call, by the id it knows it under, and then answered nothing. */
function assertCancelled({ entries }) {
  const cancelled = entries.find(({ message }) => message.method === 'notifications/cancelled');
  const { requestId } = cancelled.message.params;
  const call = entries.find(({ direction, message }) => direction === 'in' && message.id === requestId);
  assert.equal(call.message.params.name, 'trigger-long-running-operation');
  assert.ok(!entries.some(({ direction, message }) => direction === 'out' && message.id === requestId));
}

/** The interpreter of an environment that holds exactly what `requirements.txt` asks for. */
async function environment() {
  const python = join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const wanted = await readFile(REQUIREMENTS, 'utf8');
  const installed = await readFile(INSTALLED, 'utf8').catch(() => undefined);
  if (installed === wanted) return python;

  const base = process.env.PYTHON ?? 'python3';
  await rm(ENVIRONMENT, { force: true, recursive: true });
  try {
    await run(base, ['-m', 'venv', ENVIRONMENT]);
  } catch (error) {
    await withoutEnsurepip(base, error);
  }
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]);
  await copyFile(REQUIREMENTS, INSTALLED);
  return python;
}

/** Distributions may leave `ensurepip` out of `python3`; `virtualenv` then does the same job. */
async function withoutEnsurepip(base, cause) {
  try {
    await rm(ENVIRONMENT, { force: true, recursive: true });
    await run(base, ['-m', 'virtualenv', '--quiet', ENVIRONMENT]);
  } catch {
    const hint = 'install python3 with its venv module (Debian and Ubuntu: apt install python3-venv)';
    throw new Error(`cannot make a Python environment with ${base}: ${cause.message.trim()}\n${hint}`, { cause });
  }
}
