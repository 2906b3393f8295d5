"""A client of LangChain's adapters; see clients.mjs."""

import asyncio
import json
import os
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient

TOOL, GIVEN, WAY, *WHERE = sys.argv[1:]


async def seen(answer):
    try:
        return await answer
    except Exception as error:  # whatever a client makes of a refusal
        return {"failed": type(error).__name__}


def schema(tool):
    given = tool.args_schema
    return given if isinstance(given, dict) else given.model_json_schema()


async def main():
    if WAY == "http":
        way = {"transport": "streamable_http", "url": WHERE[0]}
    else:
        way = {"transport": "stdio", "command": WHERE[0], "args": WHERE[1:], "env": dict(os.environ)}
    client = MultiServerMCPClient({"server": way})
    tools = await client.get_tools()
    report = {
        "tools": [{"name": one.name, "description": one.description, "schema": schema(one)} for one in tools],
        "resources": await seen(resources(client)),
    }
    if TOOL:
        [tool] = [one for one in tools if one.name == TOOL]
        report["call"] = await seen(called(tool))
        # A call that is cancelled at once: the next one must still be answered.
        abandoned = asyncio.ensure_future(called(tool))
        await asyncio.sleep(0)
        abandoned.cancel()
        await asyncio.wait([abandoned])
        report["afterwards"] = await seen(called(tool))
    print(json.dumps(report, default=str), flush=True)


async def called(tool):
    answer = await tool.ainvoke(json.loads(GIVEN))
    # LangChain gives each block an id of the moment.
    return [{name: value for name, value in block.items() if name != "id"} for block in answer] if isinstance(answer, list) else answer


async def resources(client):
    return [{"text": one.as_string(), "metadata": one.metadata} for one in await client.get_resources("server")]


asyncio.run(main())
