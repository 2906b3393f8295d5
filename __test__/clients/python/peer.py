"""A connected Python client, with a record of what crossed its connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

DEADLINE_SECONDS = 20


class Journal:
    """An append-only list that a step can wait on."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._grown = anyio.Event()

    def push(self, entry: Any) -> None:
        self.entries.append(entry)
        self._grown.set()
        self._grown = anyio.Event()

    async def first(self, matches: Callable[[Any], bool], start: int = 0) -> Any:
        with anyio.fail_after(DEADLINE_SECONDS):
            while True:
                for entry in self.entries[start:]:
                    if matches(entry):
                        return entry
                start = len(self.entries)
                await self._grown.wait()


class Recorded:
    """One direction of a transport: every JSON-RPC message is noted in wire order."""

    def __init__(self, stream: Any, journal: Journal) -> None:
        self._stream = stream
        self._journal = journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def __aenter__(self) -> Recorded:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *reason: Any) -> None:
        await self._stream.__aexit__(*reason)

    def __aiter__(self) -> Recorded:
        return self

    async def __anext__(self) -> Any:
        item = await self._stream.__anext__()
        self._note(item)
        return item

    async def send(self, item: Any) -> None:
        self._note(item)
        await self._stream.send(item)

    def _note(self, item: Any) -> None:
        if not isinstance(item, Exception):
            self._journal.push(item.message.model_dump(by_alias=True, mode="json", exclude_unset=True))


class Wire(httpx2.AsyncHTTPTransport):
    """Notes every exchange, and breaks the streams of POST requests when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges = Journal()
        self.broken = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        self.exchanges.push((request.method, response.status_code, request.headers))
        if request.method == "POST":
            response.stream = BreakableStream(response.stream, self)
        return response


class BreakableStream(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, wire: Wire) -> None:
        self._stream = stream
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            if self._wire.broken:
                self._wire.broken = False
                raise httpx2.ReadError("the network went away")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Peer:
    def __init__(self) -> None:
        self.received = Journal()
        self.sent = Journal()
        self.wire = Wire()
        self.session: ClientSession

    async def call_text(self, name: str, arguments: dict[str, Any], **options: Any) -> str:
        result = await self.session.call_tool(name, arguments, **options)
        assert not result.is_error, result.content[0].text
        return result.content[0].text

    def progress(self) -> list[dict[str, Any]]:
        return [entry["params"] for entry in self.received.entries if entry.get("method") == "notifications/progress"]

    def updates(self) -> list[str]:
        method = "notifications/resources/updated"
        return [entry["params"]["uri"] for entry in self.received.entries if entry.get("method") == method]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Peer]:
    """A new client of the endpoint; it is initialised and can receive unsolicited messages."""
    peer = Peer()
    streaming = not url.endswith("/sse")
    async with httpx2.AsyncClient(transport=peer.wire, timeout=DEADLINE_SECONDS) as http:
        transport = streamable_http_client(url, http_client=http) if streaming else sse_client(url)
        async with transport as (read, write):
            async with ClientSession(Recorded(read, peer.received), Recorded(write, peer.sent)) as peer.session:
                await peer.session.initialize()
                if streaming:
                    await peer.wire.exchanges.first(lambda exchange: exchange[:2] == ("GET", 200))
                yield peer
