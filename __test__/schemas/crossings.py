"""Lets random messages cross between the eras, and holds what comes out against the schemas.

    python crossings.py TRANSLATE CORPUS SEED ROUNDS

TRANSLATE is the example of that name, CORPUS the folder of the fuzzers' inputs. Every message that
goes in is one by the schema of its own revision, so every one that comes out has to be one by that of
the other. A line for every crossing goes to standard output, as JSON.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args

import mcp_types._v2025_11_25 as legacy
import mcp_types._v2026_07_28 as modern
from mcp_types import methods
from pydantic import TypeAdapter, ValidationError

from generate import Generator

LEGACY, MODERN = "2025-11-25", "2026-07-28"
SERVER = {"name": "s", "version": "1"}
# As the fuzzers number them.
METHODS = ["tools/call", "tools/list", "prompts/list", "prompts/get", "resources/read"]
# Ones with a meaning, and some without.
CODES = [-32700, -32603, -32602, -32601, -32600, -32000, -32002, -32020, -32021, -32022, -32042, -32099, 1, 0]
Case = dict[str, Any]


def shared(table: Any) -> list[str]:
    """The methods of both revisions."""
    return sorted({m for m, v in table if v == LEGACY} & {m for m, v in table if v == MODERN})


REQUESTS, RESULTS = shared(methods.CLIENT_REQUESTS), shared(methods.SERVER_RESULTS)
QUESTIONS = ["elicitation/create", "roots/list", "sampling/createMessage"]
ANSWERS = {
    "elicitation/create": modern.ElicitResult,
    "roots/list": modern.ListRootsResult,
    "sampling/createMessage": modern.CreateMessageResult,
}


@cache
def adapter(role: str, revision: str, method: str) -> TypeAdapter[Any]:
    if role == "error":
        return TypeAdapter((legacy if revision == LEGACY else modern).JSONRPCErrorResponse)
    tables = {
        "client request": methods.CLIENT_REQUESTS,
        "client result": methods.CLIENT_RESULTS,
        "server notification": methods.SERVER_NOTIFICATIONS,
        "server request": methods.SERVER_REQUESTS,
        "server result": methods.SERVER_RESULTS,
    }
    return TypeAdapter(tables[role][method, revision])


def complete(method: str) -> Any:
    """What a server of 2026-07-28 answers if it asks for nothing."""
    arms = get_args(methods.SERVER_RESULTS[method, MODERN]) or (methods.SERVER_RESULTS[method, MODERN],)
    return Union[tuple(arm for arm in arms if arm is not modern.InputRequiredResult)]


def violation(role: str, revision: str, method: str, text: str) -> str | None:
    """What is wrong with a message by the schema of its revision."""
    try:
        message = json.loads(text)
        if role.startswith("bare "):
            role, message = role.removeprefix("bare "), {"jsonrpc": "2.0", "id": 0, "result": message}
        if role.endswith("result"):
            message = message["result"]
        adapter(role, revision, method).validate_json(json.dumps(message), strict=True)
    except (KeyError, ValueError, ValidationError) as error:
        return str(error)
    return None


def case(crossing: str, method: str, message: Any, other: Any = None) -> Case:
    return {"crossing": crossing, "method": method, "message": message, "with": other}


class Cases:
    """What goes in."""

    def __init__(self, seed: int) -> None:
        self.generate = Generator(seed)

    def request(self, method: str, revision: str, table: Any = methods.CLIENT_REQUESTS) -> Any:
        return {"jsonrpc": "2.0", "id": 1, "method": method} | self.generate.value(table[method, revision])

    def result(self, method: str, revision: str) -> Any:
        return {"jsonrpc": "2.0", "id": 1, "result": self.generate.value(methods.SERVER_RESULTS[method, revision])}

    def answer(self, method: str, revision: str) -> Any:
        """Of a server: a result, or in 2026-07-28 a question every now and then."""
        if revision == LEGACY:
            return self.result(method, LEGACY)
        if method not in methods.INPUT_REQUIRED_METHODS or self.generate.random.random() < 0.5:
            result = self.generate.value(complete(method)) | {"resultType": "complete"}
        else:
            result = self.generate.value(modern.InputRequiredResult) | {"resultType": "input_required"}
        return {"jsonrpc": "2.0", "id": 1, "result": result}

    def sound(self, kind: Any) -> Any:
        """A value within all bounds, which the generator does not know of."""
        schema = TypeAdapter(kind)
        return next(value for value in iter(lambda: self.generate.value(kind), None) if conforms(schema, value))

    def all(self) -> Iterator[Case]:
        """One for every crossing and method."""
        for method in REQUESTS:
            yield case("request to legacy", method, self.request(method, MODERN))
            hello = self.request("initialize", LEGACY)
            yield case("request to modern", method, self.request(method, LEGACY), hello)
        for method in RESULTS:
            yield case("result to modern", method, self.result(method, LEGACY), SERVER)
            asked = methods.CLIENT_RESULTS[self.generate.random.choice(QUESTIONS), LEGACY]
            yield case("result to legacy", method, self.answer(method, MODERN), self.sound(asked))
        for method in QUESTIONS:
            asked = self.request(method, LEGACY, methods.SERVER_REQUESTS)
            yield case("question to modern", method, asked, self.sound(ANSWERS[method]))
        yield case("handshake to modern", "initialize", self.result("initialize", LEGACY))
        listen = self.request("subscriptions/listen", MODERN)
        server = self.generate.value(legacy.InitializeResult)
        yield case("subscription to legacy", "subscriptions/listen", listen, server)
        yield case("introduction to legacy", "tools/list", self.request("tools/list", MODERN))
        discovered = self.answer("server/discover", MODERN)
        discovered["result"]["supportedVersions"] = [MODERN]
        yield case("discovery to legacy", "server/discover", discovered)
        yield case("error to modern", "tools/call", self.error())

    def error(self) -> Any:
        error = {"code": self.generate.random.choice(CODES), "message": "m"}
        if self.generate.random.random() < 0.7:
            elicitations = [self.generate.instance(legacy.ElicitRequestURLParams) for _ in range(2)]
            error["data"] = self.generate.random.choice([self.generate.json(0), {"elicitations": elicitations}])
        return {"jsonrpc": "2.0", "id": 1, "error": error}


def corpus(folder: Path) -> Iterator[Case]:
    """The fuzzers' inputs that are messages; most of them fit no schema."""
    for crossings, name in [
        (("request to legacy", "result to modern", "error to modern"), "modern_to_legacy"),
        (("request to modern", "result to legacy"), "modern_server"),
    ]:
        for file in sorted((folder / name).iterdir()):
            try:
                message = json.loads(file.read_bytes()[1:])
            except ValueError:
                continue
            if isinstance(message, dict):
                for crossing in crossings:
                    yield from corpus_cases(crossing, message)


def corpus_cases(crossing: str, message: Any) -> Iterator[Case]:
    what = crossing.split()[0]
    if what == "request" and message.get("method") in REQUESTS:
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": SERVER}
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        yield case(crossing, message["method"], message, hello)
    elif what == "result" and "result" in message:
        for method in METHODS:
            yield case(crossing, method, message, SERVER)
    elif what == "error" and "error" in message:
        yield case(crossing, "tools/call", message)


def conforms(schema: TypeAdapter[Any], value: Any) -> bool:
    try:
        schema.validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    return True


def admitted(one: Case) -> bool:
    """Whether what goes in is what its schema allows."""
    crossing, method, message = one["crossing"], one["method"], one["message"]
    kind = {
        "request to legacy": ("client request", MODERN),
        "request to modern": ("client request", LEGACY),
        "result to modern": ("server result", LEGACY),
        "result to legacy": ("server result", MODERN),
        "question to modern": ("server request", LEGACY),
        "handshake to modern": ("server result", LEGACY),
        "subscription to legacy": ("client request", MODERN),
        "introduction to legacy": ("client request", MODERN),
        "discovery to legacy": ("server result", MODERN),
        "error to modern": ("error", LEGACY),
    }[crossing]
    result = message.get("result", {})
    if crossing == "result to legacy" and result.get("resultType") != "input_required":
        # The schema does not distinguish a complete result from one that asks for input.
        return conforms(TypeAdapter(complete(method)), result)
    return violation(*kind, method, json.dumps(message)) is None


def main() -> None:
    translate, folder, seed, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    cases = [one for number in range(rounds) for one in Cases(seed + number).all()]
    cases = [one for one in [*cases, *corpus(folder)] if admitted(one)]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in cases)
    done = subprocess.run([translate], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    tally: dict[str, dict[str, Any]] = {}
    # Not splitlines: a text may hold other line ends.
    for one, line in zip(cases, done.stdout.decode().rstrip("\n").split("\n"), strict=True):
        count = tally.setdefault(one["crossing"], {"crossed": 0, "emitted": 0, "violations": []})
        outputs = json.loads(line)
        count["crossed"] += outputs is not None
        for output in outputs or []:
            count["emitted"] += 1
            wrong = violation(output["role"], output["revision"], output["method"], output["text"])
            if wrong is not None:
                count["violations"].append({"case": one, "emitted": output, "wrong": wrong})
    for crossing, count in tally.items():
        print(json.dumps({"crossing": crossing} | count))


main()
