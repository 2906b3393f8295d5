"""A client of the OpenAI agents SDK; see clients.mjs."""

import asyncio
import json
import os
import sys

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp

TOOL, GIVEN, WAY, *WHERE = sys.argv[1:]


def plain(value):
    return json.loads(value.model_dump_json(by_alias=True, exclude_none=True))


async def seen(answer):
    try:
        found = await answer
    except Exception as error:  # whatever a client makes of a refusal
        return {"failed": type(error).__name__}
    return [plain(one) for one in found] if isinstance(found, list) else plain(found)


async def cancelled(call):
    """Sends a call and cancels it at once: the next one must still be answered."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def main():
    if WAY == "http":
        server = MCPServerStreamableHttp({"url": WHERE[0]}, client_session_timeout_seconds=40)
    else:
        way = {"command": WHERE[0], "args": WHERE[1:], "env": dict(os.environ)}
        server = MCPServerStdio(way, client_session_timeout_seconds=40)
    async with server:
        report = {
            "tools": await seen(server.list_tools()),
            "prompts": await seen(server.list_prompts()),
            "resources": await seen(server.list_resources()),
        }
        for first in report["resources"].get("resources", [])[:1]:
            report["read"] = await seen(server.read_resource(first["uri"]))
        if TOOL:
            report["call"] = await seen(server.call_tool(TOOL, json.loads(GIVEN)))
            await cancelled(server.call_tool(TOOL, json.loads(GIVEN)))
            report["afterwards"] = await seen(server.call_tool(TOOL, json.loads(GIVEN)))
        print(json.dumps(report), flush=True)


asyncio.run(main())
