"""A client of the Python SDK that signs in, from 401 to a tool's answer.

Run as `sign_in.py <endpoint URL>`. Where to sign in is written to stdout; the URL that the browser came back to is
read from stdin. The last line of stdout is the tool's answer.
"""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs, urlparse

import anyio
import httpx2
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

REDIRECT = "http://127.0.0.1:1/callback"
DEADLINE_SECONDS = 60


class Memory:
    """What the SDK asks of an application: to keep tokens and the registration."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def show(url: str) -> None:
    print(url, flush=True)


async def back() -> AuthorizationCodeResult:
    line = await anyio.to_thread.run_sync(sys.stdin.readline)
    query = {name: values[0] for name, values in parse_qs(urlparse(line.strip()).query).items()}
    return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def main(url: str) -> None:
    metadata = OAuthClientMetadata(
        client_name="a test",
        grant_types=["authorization_code", "refresh_token"],
        redirect_uris=[REDIRECT],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    auth = OAuthClientProvider(url, metadata, Memory(), redirect_handler=show, callback_handler=back)
    with anyio.fail_after(DEADLINE_SECONDS):
        async with httpx2.AsyncClient(auth=auth, timeout=DEADLINE_SECONDS) as http:
            streaming = not url.endswith("/sse")
            transport = streamable_http_client(url, http_client=http) if streaming else sse_client(url, auth=auth)
            async with transport as (read, write):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    assert "echo" in {tool.name for tool in (await session.list_tools()).tools}
                    result = await session.call_tool("echo", {"message": "hello"})
                    print(result.content[0].text, flush=True)


anyio.run(main, sys.argv[1])
