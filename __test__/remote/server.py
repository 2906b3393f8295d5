"""A server of the Python SDK: `server.py stdio | sse PORT | streamable-http PORT`."""

import asyncio
import sys

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("python-peer", instructions="Greet politely.")


@server.tool()
def greet(name: str) -> str:
    """Greets somebody."""
    return f"Hello, {name}!"


@server.tool()
async def count(to: int, ctx: Context) -> int:
    """Counts, and says how far it is."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to)
    return to


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("as it was told to")


@server.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    return f"# {name}"


@server.prompt()
def ask(topic: str) -> str:
    """A question."""
    return f"What is {topic}?"


if __name__ == "__main__":
    transport, *rest = sys.argv[1:]
    if transport == "stdio":
        server.run("stdio")
    else:
        server.run(transport, host="127.0.0.1", port=int(rest[0]))
