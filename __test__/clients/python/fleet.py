"""A Python client and several servers as one.

Run as `fleet.py <endpoint URL> <JSON>`: `names` of the servers, and `calls`, each a tool, its arguments and a pattern
that its answer holds. Ends with an error if anything is not as it should be.
"""

from __future__ import annotations

import json
import re
import sys

import anyio
from peer import connected


async def main(url: str, expected: dict) -> None:
    async with connected(url) as peer:
        tools = [tool.name for tool in (await peer.session.list_tools()).tools]
        assert len(set(tools)) == len(tools), tools
        assert {tool.split("__")[0] for tool in tools} == set(expected["names"]), tools
        for tool, arguments, pattern in expected["calls"]:
            answer = await peer.call_text(tool, arguments)
            assert re.search(pattern, answer), (tool, answer)
        prompt = await peer.session.get_prompt("everything__args-prompt", {"city": "Oslo"})
        assert "Oslo" in prompt.messages[0].content.text
        resource = (await peer.session.list_resources()).resources[0]
        assert (await peer.session.read_resource(resource.uri)).contents


anyio.run(main, sys.argv[1], json.loads(sys.argv[2]))
