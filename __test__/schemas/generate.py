"""Random values of the wire models: whatever the schema of a revision allows."""

import types
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from typing_extensions import TypeAliasType

NAMES = ["k", "data", "tools", "_meta", "id", "type", "content"]
# Escapes and separators that a splice could trip over.
TEXTS = ["", "a", "tools/call", "}{", "[]", "quote \" and \\ backslash", "line\nbreak", "\u2028", "é\U0001f600", "\\u0041"]
DEEPEST = 5


class Generator:
    """Values, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def value(self, kind: Any, depth: int = 0) -> Any:
        if isinstance(kind, TypeAliasType):
            return self.value(kind.__value__, depth)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.value(arguments[0], depth)
        if origin is Literal:
            return self.random.choice(arguments)
        if origin in (Union, types.UnionType):
            return self.value(self.random.choice(arguments), depth)
        if origin is list:
            return [self.value(arguments[0], depth + 1) for _ in range(self.length(depth))]
        if origin is dict:
            return {self.name(): self.value(arguments[1], depth + 1) for _ in range(self.length(depth))}
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.instance(kind, depth)
        return self.scalar(kind, depth)

    def instance(self, model: type[BaseModel], depth: int = 0) -> dict[str, Any]:
        members = [
            (field.alias or name, self.value(field.annotation, depth + 1))
            for name, field in model.model_fields.items()
            if field.is_required() or self.random.random() < (0.5 if depth < DEEPEST else 0)
        ]
        # What a schema leaves open is used, too.
        if model.model_config.get("extra") == "allow" and self.random.random() < 0.3:
            members.append((f"x-{self.name()}", self.json(depth + 1)))
        self.random.shuffle(members)
        return {name: value for name, value in members if value is not None}

    def scalar(self, kind: Any, depth: int) -> Any:
        if kind is str:
            return self.random.choice(TEXTS)
        if kind is bool:
            return self.random.random() < 0.5
        if kind is int:
            return self.random.choice([0, 1, 7, 100, 2**53])
        if kind is float:
            return self.random.choice([0, 0.5, 1, 1e3])
        if kind is type(None):
            return None
        return self.json(depth)

    def json(self, depth: int) -> Any:
        """Anything."""
        if depth >= DEEPEST or self.random.random() < 0.6:
            return self.random.choice([None, True, 0, 1.5, -1, *TEXTS])
        if self.random.random() < 0.5:
            return [self.json(depth + 1) for _ in range(self.length(depth))]
        return {self.name(): self.json(depth + 1) for _ in range(self.length(depth))}

    def name(self) -> str:
        return self.random.choice(NAMES) + str(self.random.randrange(9))

    def length(self, depth: int) -> int:
        return self.random.randrange(3) if depth < DEEPEST else 0
