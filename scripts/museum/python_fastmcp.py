"""A client of Python's FastMCP; see clients.mjs."""

import asyncio
import json
import os
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

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
        way = StreamableHttpTransport(WHERE[0])
    else:
        way = StdioTransport(command=WHERE[0], args=WHERE[1:], env=dict(os.environ))
    async with Client(way) as client:
        # A server without one of them refuses, both ways.
        report = {
            "tools": await seen(client.list_tools()),
            "prompts": await seen(client.list_prompts()),
            "resources": await seen(client.list_resources()),
        }
        for first in report["resources"][:1] if isinstance(report["resources"], list) else []:
            report["read"] = await seen(client.read_resource(first["uri"]))
        if TOOL:
            report["call"] = await seen(client.call_tool_mcp(TOOL, json.loads(GIVEN)))
            await cancelled(client.call_tool_mcp(TOOL, json.loads(GIVEN)))
            report["afterwards"] = await seen(client.call_tool_mcp(TOOL, json.loads(GIVEN)))
        print(json.dumps(report), flush=True)


asyncio.run(main())
