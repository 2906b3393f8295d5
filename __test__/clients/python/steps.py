"""The steps a Python client takes through the proxy.

Run as `steps.py <endpoint URL> everything` or `steps.py <endpoint URL> filesystem <directory>`.
Each step opens its own connections. One JSON line per step goes to stdout:
`{"step": name, "error": traceback or null}`.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference
from mcp_types import CONNECTION_CLOSED
from peer import Peer, connected

LONG = "trigger-long-running-operation"
AWKWARD = 'a\u2028b \U0001f980 "\\u0041" \0 \u00e9'

_resources = itertools.count(1)


async def initialize_and_list(url: str) -> None:
    async with connected(url) as peer:
        initialized = peer.session.initialize_result
        assert initialized.protocol_version == "2025-11-25", initialized.protocol_version
        tools = {tool.name for tool in (await peer.session.list_tools()).tools}
        if initialized.capabilities.resources is None:
            assert {"read_text_file", "write_file"} <= tools, tools
            return
        assert {"echo", LONG} <= tools, tools
        assert "completable-prompt" in {prompt.name for prompt in (await peer.session.list_prompts()).prompts}
        assert (await peer.session.list_resources()).resources
        templates = (await peer.session.list_resource_templates()).resource_templates
        assert "demo://resource/dynamic/text/{resourceId}" in {template.uri_template for template in templates}
        await peer.session.send_ping()


async def call(url: str) -> None:
    async with connected(url) as peer:
        assert await peer.call_text("echo", {"message": AWKWARD}) == f"Echo: {AWKWARD}"
        weather = await peer.session.call_tool("get-structured-content", {"location": "Chicago"})
        assert weather.structured_content == json.loads(weather.content[0].text)
        resource = await peer.session.read_resource("demo://resource/dynamic/text/7")
        assert resource.contents[0].text.startswith("Resource 7:")
        prompt = await peer.session.get_prompt("args-prompt", {"city": "Oslo"})
        assert "Oslo" in prompt.messages[0].content.text


async def progress(url: str) -> None:
    async with connected(url) as peer:
        for duration, steps in ((0, 200), (0.2, 10), (0, 1)):
            await check_progress(peer, duration, steps)


async def cancel(url: str) -> None:
    async with connected(url) as peer:
        with anyio.CancelScope() as scope:

            async def stop(*_: Any) -> None:
                scope.cancel()

            await peer.session.call_tool(LONG, {"duration": 3, "steps": 12}, progress_callback=stop)
        assert scope.cancelled_caught
        cancelled = await peer.sent.first(lambda entry: entry.get("method") == "notifications/cancelled")
        # Longer than the rest of the first one, so an answer to that would have arrived before.
        await peer.call_text(LONG, {"duration": 3.5, "steps": 1})
        # The SDK reports the end of the call's stream as an error of its own.
        answers = [entry for entry in peer.received.entries if entry.get("id") == cancelled["params"]["requestId"]]
        assert all(entry["error"]["code"] == CONNECTION_CLOSED for entry in answers), answers


async def subscribe(url: str) -> None:
    async with connected(url) as peer, connected(url) as other:
        first, second = new_uri(), new_uri()
        for uri in (first, second):
            await peer.session.subscribe_resource(uri)
        await other.session.subscribe_resource(first)
        await emit_updates(peer, (peer, second), (other, first))
        assert peer.updates() == [first, second], peer.updates()
        await peer.session.unsubscribe_resource(first)
        await emit_updates(peer, (peer, second), (other, first))
        assert peer.updates() == [first, second, second], peer.updates()
        assert other.updates() == [first, first], other.updates()


async def log_level(url: str) -> None:
    async with connected(url) as quiet, connected(url) as curious:
        marker, logged = new_uri(), new_uri()
        await quiet.session.subscribe_resource(marker)
        await quiet.session.set_logging_level("error")
        await curious.session.set_logging_level("debug")
        await curious.session.subscribe_resource(logged)

        def about_it(entry: dict[str, Any]) -> bool:
            return entry.get("method") == "notifications/message" and logged in str(entry["params"]["data"])

        assert (await curious.received.first(about_it))["params"]["level"] == "info"
        await emit_updates(quiet, (quiet, marker))
        assert not any(about_it(entry) for entry in quiet.received.entries)


async def completion(url: str) -> None:
    async with connected(url) as peer:
        prompt = PromptReference(type="ref/prompt", name="completable-prompt")
        names = await peer.session.complete(prompt, {"name": "name", "value": ""}, {"department": "Sales"})
        assert names.completion.values == ["David", "Eve", "Frank"], names
        template = ResourceTemplateReference(type="ref/resource", uri="demo://resource/dynamic/text/{resourceId}")
        ids = await peer.session.complete(template, {"name": "resourceId", "value": "12"})
        assert ids.completion.values == ["12"], ids


async def resume(url: str) -> None:
    async with connected(url) as peer:

        async def cut(*_: Any) -> None:
            peer.wire.broken = not peer.progress()[1:]

        text = await peer.call_text(LONG, {"duration": 2, "steps": 8}, progress_callback=cut)
        assert text.endswith("Steps: 8."), text
        assert [event["progress"] for event in peer.progress()] == list(range(1, 9)), peer.progress()
        assert any("last-event-id" in headers for _, _, headers in peer.wire.exchanges.entries)


async def new_session(url: str) -> None:
    for _ in range(2):
        async with connected(url) as peer:
            assert (await peer.session.list_tools()).tools
        deletes = [status for method, status, _ in peer.wire.exchanges.entries if method == "DELETE"]
        assert deletes == ([] if url.endswith("/sse") else [200]), deletes


async def two_clients(url: str) -> None:
    async with connected(url) as first, connected(url) as second:
        async with anyio.create_task_group() as group:
            for index, peer in enumerate((first, second)):
                group.start_soon(check_progress, peer, 0.3, 10 + index)
                for turn in range(20):
                    group.start_soon(check_echo, peer, f"{index}/{turn}")
        ids = [{entry["id"] for entry in peer.sent.entries if "id" in entry} for peer in (first, second)]
        # One may have listed the tools once more, to learn their output schemas.
        assert min(ids, key=len) <= max(ids, key=len), "the clients must have used equal ids"


async def newest_protocol_first(url: str) -> None:
    async with Client(url) as client:
        result = await client.call_tool("echo", {"message": "negotiated"})
        assert result.content[0].text == "Echo: negotiated", result


async def files(url: str, directory: Path) -> None:
    async with connected(url) as peer:
        path = directory / f"{os.getpid()} \u00fc.txt"
        content = 'tab\t quote" backslash\\ \u2028 \U0001f980\r\n' * 1000
        await peer.call_text("write_file", {"path": str(path), "content": content})
        assert await peer.call_text("read_text_file", {"path": str(path)}) == content
        assert path.read_bytes().decode() == content
        assert (await peer.session.call_tool("read_text_file", {"path": "/"})).is_error


async def overlapping_calls(url: str, directory: Path) -> None:
    async with connected(url) as first, connected(url) as second:
        answers: dict[str, str] = {}

        async def read(peer: Peer, pipe: Path) -> None:
            answers[pipe.name] = await peer.call_text("read_text_file", {"path": str(pipe)})

        pipes = [directory / f"{os.getpid()}-{index}" for index in range(2)]
        async with anyio.create_task_group() as group:
            for peer, pipe in zip((first, second), pipes):
                os.mkfifo(pipe)
                group.start_soon(read, peer, pipe)
            for pipe in reversed(pipes):
                await anyio.to_thread.run_sync(pipe.write_text, pipe.name)
        assert answers == {pipe.name: pipe.name for pipe in pipes}, answers
        for pipe in pipes:
            pipe.unlink()


async def check_progress(peer: Peer, duration: float, steps: int) -> None:
    async def ignore(*_: Any) -> None:
        pass

    start = len(peer.sent.entries)
    await peer.call_text(LONG, {"duration": duration, "steps": steps}, progress_callback=ignore)
    calls = [entry for entry in peer.sent.entries[start:] if entry.get("method") == "tools/call"]
    request = next(entry for entry in calls if entry["params"]["name"] == LONG)
    token = request["params"]["_meta"]["progressToken"]
    seen = [entry for entry in peer.received.entries if entry.get("id") == request["id"] or "method" in entry]
    before = itertools.takewhile(lambda entry: "method" in entry, seen)
    events = [entry["params"] for entry in before if entry["method"] == "notifications/progress"]
    values = [event["progress"] for event in events if event["progressToken"] == token]
    assert values == list(range(1, steps + 1)), values
    assert all(event["total"] == steps for event in events if event["progressToken"] == token)


async def check_echo(peer: Peer, message: str) -> None:
    assert await peer.call_text("echo", {"message": message}) == f"Echo: {message}"


async def emit_updates(peer: Peer, *expected: tuple[Peer, str]) -> None:
    """Makes the server send one round of updates and waits for the expected ones."""
    starts = [len(receiver.received.entries) for receiver, _ in expected]
    for _ in range(2):
        await peer.call_text("toggle-subscriber-updates", {})
    for (receiver, uri), start in zip(expected, starts):
        await receiver.received.first(lambda entry: entry.get("params", {}).get("uri") == uri, start)


def new_uri() -> str:
    return f"demo://resource/dynamic/text/{os.getpid()}{next(_resources)}"


STEPS = {
    "everything": (
        initialize_and_list,
        call,
        progress,
        cancel,
        subscribe,
        log_level,
        completion,
        resume,
        new_session,
        two_clients,
        newest_protocol_first,
    ),
    "filesystem": (initialize_and_list, files, overlapping_calls, new_session),
}

# HTTP+SSE has no resumption, and the client that negotiates a protocol does not speak it.
STREAMABLE_HTTP_ONLY = (resume, newest_protocol_first)


def main(url: str, server: str, *directory: str) -> None:
    for step in STEPS[server]:
        if url.endswith("/sse") and step in STREAMABLE_HTTP_ONLY:
            continue
        takes_directory = step in (files, overlapping_calls)
        error = None
        try:
            anyio.run(partial(step, url, *map(Path, directory)) if takes_directory else partial(step, url))
        except BaseException:
            error = traceback.format_exc()
        print(json.dumps({"step": step.__name__, "error": error}), flush=True)


main(*sys.argv[1:])
