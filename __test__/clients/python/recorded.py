"""What a Python client is sent by a server, without the ids that it has chosen.

Run as `recorded.py <endpoint URL> everything` or `recorded.py <endpoint URL> filesystem <directory>`.
One line of JSON for each answer and each report of progress, in the order of the calls, goes to stdout.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
from mcp import MCPError
from peer import Peer, connected

AWKWARD = 'a\u2028b \U0001f980 "\\u0041" \0 \u00e9'


async def everything(peer: Peer) -> None:
    session = peer.session
    await session.list_tools()
    await session.list_prompts()
    await session.list_resources()
    await session.call_tool("echo", {"message": AWKWARD})
    await session.call_tool("get-structured-content", {"location": "Chicago"})
    await session.call_tool("get-tiny-image", {})

    async def ignored(*_: Any) -> None:
        pass

    arguments = {"duration": 0.2, "steps": 4}
    await session.call_tool("trigger-long-running-operation", arguments, progress_callback=ignored)
    await session.read_resource("demo://resource/dynamic/text/7")
    await session.get_prompt("args-prompt", {"city": "Oslo"})
    try:
        await session.read_resource("demo://nowhere")
    except MCPError:
        pass


async def filesystem(peer: Peer, directory: str) -> None:
    await peer.session.list_tools()
    path = f"{directory}/\u00fc.txt"
    await peer.session.call_tool("write_file", {"path": path, "content": "tab\t \u2028 \U0001f980\r\n" * 1000})
    await peer.session.call_tool("read_text_file", {"path": path})
    await peer.session.call_tool("list_directory", {"path": directory})
    await peer.session.call_tool("read_text_file", {"path": "/"})


def show(peer: Peer) -> None:
    asked = [entry["id"] for entry in peer.sent.entries if "method" in entry and "id" in entry]
    texts: dict[Any, list[str]] = {number: [] for number in asked}
    for entry in peer.received.entries:
        reported = entry.get("params", {}).pop("progressToken", None)
        number = entry.pop("id", reported)
        if number in texts:
            texts[number].append(json.dumps(entry))
    for lines in texts.values():
        print("\n".join(lines))


async def main(url: str, name: str, directory: str) -> None:
    async with connected(url) as peer:
        await (everything(peer) if name == "everything" else filesystem(peer, directory))
        show(peer)


anyio.run(main, *sys.argv[1:4])
