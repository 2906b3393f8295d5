"""A client of the Python SDK, 1.x or 2.x; see clients.mjs."""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

try:
    from mcp.client.streamable_http import streamable_http_client as http_client
except ImportError:
    from mcp.client.streamable_http import streamablehttp_client as http_client

TOOL, GIVEN, WAY, *WHERE = sys.argv[1:]


async def seen(answer):
    try:
        return json.loads((await answer).model_dump_json(by_alias=True, exclude_none=True))
    except Exception as error:  # whatever a client makes of a refusal
        return {"failed": type(error).__name__}


async def cancelled(call):
    """Sends a call and cancels it at once: the next one must still be answered."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def main():
    if WAY == "http":
        way = http_client(WHERE[0])
    else:
        way = stdio_client(
            StdioServerParameters(command=WHERE[0], args=WHERE[1:], env=dict(os.environ)),
            errlog=open(os.devnull, "w"),
        )
    async with way as streams, ClientSession(streams[0], streams[1]) as session:
        hello = json.loads((await session.initialize()).model_dump_json(by_alias=True, exclude_none=True))
        can = hello["capabilities"]
        report = {"name": hello["serverInfo"]["name"], "instructions": hello.get("instructions")}
        if "tools" in can:
            report["tools"] = await seen(session.list_tools())
        if "prompts" in can:
            report["prompts"] = await seen(session.list_prompts())
        if "resources" in can:
            report["resources"] = await seen(session.list_resources())
            for first in report["resources"].get("resources", [])[:1]:
                report["read"] = await seen(session.read_resource(first["uri"]))
        if TOOL:
            report["call"] = await seen(session.call_tool(TOOL, json.loads(GIVEN)))
            await cancelled(session.call_tool(TOOL, json.loads(GIVEN)))
            report["afterwards"] = await seen(session.call_tool(TOOL, json.loads(GIVEN)))
        print(json.dumps(report), flush=True)


asyncio.run(main())
