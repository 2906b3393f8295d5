// The console: a client that the page opens itself.
import { fieldElement, fieldsOf, valuesOf } from "./form.mjs";
import { element, tree } from "./json.mjs";
import { ask, linesOf } from "./live.mjs";
import { $, button, view } from "./state.mjs";
import { duration } from "./words.mjs";

const PROTOCOL = "2025-11-25";

export const openConsole = async () => {
  const response = await ask("/api/console", { method: "POST" });
  if (!response.ok) {
    $("about").textContent = await response.text();
    return;
  }
  const console = { next: 1, waiting: new Map() };
  view.console = console;
  $("connect").disabled = true;
  $("about").textContent = "Opening a session …";
  listen(console, response)
    .catch(() => undefined)
    .finally(() => closeConsole(console));
};

const closeConsole = (console) => {
  for (const { fail } of console.waiting.values()) fail(new Error("the session is closed"));
  view.console = undefined;
  for (const id of ["what", "ask"]) $(id).disabled = true;
  $("connect").disabled = !view.state?.console;
  $("about").textContent = "The session is closed.";
};

const listen = async (console, response) => {
  for await (const lines of linesOf(response)) {
    for (const line of lines) {
      if (line.console !== undefined) {
        console.id = line.console;
        introduce(console).catch((error) => ($("about").textContent = String(error.message)));
      } else receive(console, line);
    }
  }
};

const post = (console, message) =>
  ask(`/api/console/${console.id}`, { body: JSON.stringify({ jsonrpc: "2.0", ...message }), method: "POST" });

const request = (console, method, params) =>
  new Promise((done, fail) => {
    const id = console.next++;
    console.waiting.set(id, { done, fail });
    post(console, { id, method, params }).then((response) => {
      if (!response.ok) response.text().then((text) => fail(new Error(text)));
    }, fail);
  });

const receive = (console, message) => {
  if (message.method === undefined) {
    console.waiting.get(message.id)?.done(message);
    console.waiting.delete(message.id);
  } else if (message.id === undefined) {
    $("result").append(showTitled(message.method, message.params));
  } else question(console, message);
};

const introduce = async (console) => {
  const answer = await request(console, "initialize", {
    capabilities: { elicitation: {}, sampling: {} },
    clientInfo: { name: "mcp-proxy console", version: view.state?.version ?? "" },
    protocolVersion: PROTOCOL,
  });
  if (answer.error) throw new Error(`The server refused: ${answer.error.message}`);
  await post(console, { method: "notifications/initialized" });
  const { serverInfo } = answer.result;
  $("about").textContent =
    `Connected to ${serverInfo?.title ?? serverInfo?.name ?? "the server"} ${serverInfo?.version ?? ""}`;
  const groups = await Promise.all([
    list(console, "tools/list", "tools", "Tools"),
    list(console, "prompts/list", "prompts", "Prompts"),
    list(console, "resources/list", "resources", "Resources"),
  ]);
  console.things = groups.flat();
  const select = $("what");
  select.replaceChildren(
    ...["Tools", "Prompts", "Resources"].map((label) => {
      const group = element("optgroup", "");
      group.label = label;
      console.things.forEach((thing, index) => {
        if (thing.label !== label) return;
        const option = element("option", "", thing.of.name ?? thing.of.uri);
        option.value = index;
        group.append(option);
      });
      return group;
    }),
  );
  for (const id of ["what", "ask"]) $(id).disabled = console.things.length === 0;
  drawForm();
};

const list = async (console, method, member, label) => {
  const things = [];
  let cursor;
  for (let page = 0; page < 100; page += 1) {
    const answer = await request(console, method, cursor === undefined ? {} : { cursor });
    things.push(...(answer.result?.[member] ?? []).map((of) => ({ label, of })));
    cursor = answer.result?.nextCursor;
    if (cursor === undefined) break;
  }
  return things;
};

const thing = () => view.console?.things?.[Number($("what").value)];

const schemaOf = ({ label, of }) => {
  if (label === "Tools") return of.inputSchema;
  const names = of.arguments ?? [];
  return {
    properties: Object.fromEntries(names.map((one) => [one.name, { description: one.description, type: "string" }])),
    required: names.filter((one) => one.required).map((one) => one.name),
  };
};

export const drawForm = () => {
  const chosen = thing();
  if (!chosen) return;
  $("form").replaceChildren(
    chosen.of.description ? element("p", "s-dim", chosen.of.description) : "",
    ...(chosen.label === "Resources" ? [] : fieldsOf(schemaOf(chosen)).map(fieldElement)),
  );
};

const showTitled = (title, value) => element("div", "card", element("h2", "", title), tree(value ?? null));

export const askServer = async () => {
  const chosen = thing();
  if (!chosen) return;
  const result = $("result");
  result.replaceChildren(element("p", "s-dim", "Waiting for the answer …"));
  try {
    const values = chosen.label === "Resources" ? {} : valuesOf($("form"), schemaOf(chosen));
    const began = performance.now();
    const [method, params] = {
      Prompts: ["prompts/get", { arguments: values, name: chosen.of.name }],
      Resources: ["resources/read", { uri: chosen.of.uri }],
      Tools: ["tools/call", { arguments: values, name: chosen.of.name }],
    }[chosen.label];
    const answer = await request(view.console, method, params);
    const title = `${answer.error ? "Error" : "Result"} after ${duration((performance.now() - began) * 1e6)}`;
    result.replaceChildren(showTitled(title, answer.error ?? answer.result));
  } catch (error) {
    result.replaceChildren(element("p", "s-bad", String(error.message)));
  }
};

/** A request from the server to its client. */
const question = (console, { id, method, params }) => {
  if (method === "ping") return post(console, { id, result: {} });
  const answers = { "elicitation/create": elicit, "sampling/createMessage": sample }[method];
  if (!answers) return post(console, { error: { code: -32601, message: "Method not found" }, id });
  const card = element("form", "card", element("h2", "", `The server asks with ${method}`));
  const settle = (message) => {
    card.remove();
    return post(console, { id, ...message });
  };
  answers(card, params ?? {}, settle);
  $("questions").append(card);
  return undefined;
};

const elicit = (card, params, settle) => {
  card.append(element("p", "", String(params.message ?? "")), ...fieldsOf(params.requestedSchema).map(fieldElement));
  const accept = button("Accept", () => {
    try {
      settle({ result: { action: "accept", content: valuesOf(card, params.requestedSchema) } });
    } catch (error) {
      card.append(element("p", "s-bad", String(error.message)));
    }
  });
  card.append(
    accept,
    " ",
    button("Decline", () => settle({ result: { action: "decline" } })),
    " ",
    button("Cancel", () => settle({ result: { action: "cancel" } })),
  );
};

const sample = (card, params, settle) => {
  const input = element("textarea", "");
  card.append(tree(params.messages ?? []), element("label", "", "Answer of the model", input));
  const answer = () =>
    settle({
      result: {
        content: { text: input.value, type: "text" },
        model: "a person",
        role: "assistant",
        stopReason: "endTurn",
      },
    });
  card.append(
    button("Answer", answer),
    " ",
    button("Decline", () => settle({ error: { code: -1, message: "The user declined" } })),
  );
};
