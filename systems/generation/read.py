"""Read pipeline definitions from dicts, JSON text or values; every fault is an error with its path."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from tickwright.systems.contracts.json import JsonValueError, freeze
from tickwright.systems.contracts.names import KeyNameError, snake_keys
from tickwright.systems.generation.context_types import read_context
from tickwright.systems.generation.definition import (
    Chain,
    Concatenate,
    Parallel,
    PickBest,
    PipelineDefinition,
    RunLimits,
    Sequential,
    Single,
    StreamingConfig,
    Summarize,
)
from tickwright.systems.generation.errors import PipelineDefinitionError
from tickwright.systems.generation.provider import Timeouts

__all__ = ["read_definition", "wrong"]

STRATEGIES: Mapping[str, type[Any]] = {
    "single": Single,
    "sequential": Sequential,
    "parallel": Parallel,
    "chain": Chain,
}
MERGES: Mapping[str, type[Any]] = {"concatenate": Concatenate, "pick_best": PickBest, "summarize": Summarize}
_LOWEST = {"max_tokens": 1, "max_retries": 0, "buffer_size": 1, "max_concurrency": 1, "max_branches": 0}


def read_definition(source: PipelineDefinition | Mapping[str, Any] | str | bytes) -> PipelineDefinition:
    """Return a definition from a value, a dict in either spelling, or JSON text.

    Raises:
        PipelineDefinitionError: an unknown key or type, a missing field, a value of another type; with the path.

    >>> read_definition({"id": "a", "strategy": {"type": "single", "prompt": "Why?"}}).strategy.prompt
    'Why?'
    """
    if isinstance(source, str | bytes):
        try:
            source = msgspec.json.decode(source)
        except (msgspec.DecodeError, RecursionError) as error:
            raise wrong(f"the definition is no JSON: {error}", "") from error
    if isinstance(source, PipelineDefinition):
        source = msgspec.structs.asdict(source)
    keys = _keys(source, PipelineDefinition.__struct_fields__, "")
    out: dict[str, Any] = {"id": _text(_needed(keys, "id", ""), "id")}
    if not out["id"]:
        raise wrong("the id is empty", "id", "a name")
    out["context"] = read_context(keys.get("context"), "context")
    out["strategy"] = _tagged(_needed(keys, "strategy", ""), STRATEGIES, "strategy")
    out["streaming"] = _struct(_table(keys, "streaming"), StreamingConfig, "streaming")
    out["limits"] = _struct(_table(keys, "limits"), RunLimits, "limits")
    out["inputs"] = tuple(_text(each, f"inputs[{i}]") for i, each in enumerate(_list(keys.get("inputs"), "inputs")))
    return PipelineDefinition(**out)


def wrong(what: str, path: str, expected: str = "", todo: str = "") -> PipelineDefinitionError:
    """Return the error for one place of a definition."""
    return PipelineDefinitionError(what, where=path or "the definition", expected=expected, todo=todo, path=path)


def _struct(value: Any, kind: type[Any], path: str) -> Any:
    """Read a table into a struct, field by field."""
    if isinstance(value, kind):
        value = msgspec.structs.asdict(value)
    fields = msgspec.structs.fields(kind)
    tagged = kind.__struct_config__.tag is not None
    keys = _keys(value, [field.name for field in fields] + (["type"] if tagged else []), path)
    keys.pop("type", None)
    hints = typing.get_type_hints(kind)
    out: dict[str, Any] = {}
    for field in fields:
        if field.name in keys:
            out[field.name] = _value(keys[field.name], hints[field.name], f"{path}.{field.name}".lstrip("."))
        elif field.required:
            raise wrong(f"{field.name!r} is missing", path, f"the key {field.name!r}")
    return kind(**out)


def _tagged(value: Any, kinds: Mapping[str, type[Any]], path: str) -> Any:
    """Read a table whose `type` says which struct it is; `{name: {...}}` is taken for the same."""
    if isinstance(value, tuple(kinds.values())):
        return _struct(value, type(value), path)
    if isinstance(value, Mapping) and "type" not in value and len(value) == 1:
        ((name, inner),) = value.items()
        if name in kinds and isinstance(inner, Mapping):
            value = {**inner, "type": name}
    if not isinstance(value, Mapping):
        raise wrong(f"{type(value).__name__} instead of a table", path, "a table with a `type`")
    name = value.get("type")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        said = f"unknown type {name!r}" if name is not None else "the type is missing"
        raise wrong(said, f"{path}.type", ", ".join(kinds), _near(name, kinds))
    return _struct(value, kind, path)


def _value(value: Any, hint: Any, path: str) -> Any:
    """Read one field by its type."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) or _is_union(hint) else (hint,)
    if value is None and type(None) in options:
        return None
    kind = options[0]
    if kind is Any:
        return _frozen(value, path)
    if kind in MERGES.values():
        return _tagged(value, MERGES, path)
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        return tuple(_value(each, inner, f"{path}[{i}]") for i, each in enumerate(_list(value, path)))
    if kind is Timeouts or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return _struct(value, kind, path)
    return _scalar(value, kind, path)


def _scalar(value: Any, kind: Any, path: str) -> Any:
    if kind is str:
        return _text(value, path)
    try:
        read = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise wrong(str(error), path, getattr(kind, "__name__", str(kind))) from None
    least = _LOWEST.get(path.rpartition(".")[2])
    if least is not None and read < least:
        raise wrong(f"{read} is too small", path, f"at least {least}")
    if kind is float and not 0 <= read < float("inf"):
        raise wrong(f"{read} is out of range", path, "a finite number, 0 or above")
    return read


def _text(value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    raise wrong(f"{type(value).__name__} instead of a text", path, "a text")


def _list(value: Any, path: str) -> list[Any] | tuple[Any, ...]:
    if value is None or (isinstance(value, Mapping) and not value):
        return ()  # an empty table of a language that cannot tell lists from objects
    if isinstance(value, list | tuple):
        return value
    raise wrong(f"{type(value).__name__} instead of a list", path, "a list")


def _frozen(value: Any, path: str) -> Any:
    try:
        return freeze(value, path)
    except JsonValueError as error:
        raise wrong(error.what, error.where, error.expected) from None


def _needed(keys: Mapping[str, Any], name: str, path: str) -> Any:
    if name not in keys:
        raise wrong(f"{name!r} is missing", path, f"the key {name!r}")
    return keys[name]


def _table(keys: Mapping[str, Any], name: str) -> Any:
    found = keys.get(name)
    return {} if found is None else found


def _keys(value: Any, known: Iterable[str], path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong(f"{type(value).__name__} instead of a table", path, "a table")
    names = tuple(known)
    try:
        return snake_keys(value, names, path)
    except KeyNameError as error:
        todo = error.todo or _misplaced(error.what) or _near(str(error.path).rpartition(".")[2], names)
        raise PipelineDefinitionError(
            error.what, where=error.where or "the definition", expected=error.expected, todo=todo, path=error.path
        ) from None


def _misplaced(what: str) -> str:
    for name, place in (
        ("parallel", "a step of a chain can be mapped with parallel_on"),
        ("depends", "depends_on belongs to the steps of a chain"),
        ("split", "split belongs to a chain's step with parallel_on"),
        ("merge", "merge belongs to the parallel strategy"),
        ("branches", "branches belong to the parallel strategy"),
        ("steps", "steps belong to the sequential and chain strategies"),
    ):
        if f"unknown key '{name}" in what:
            return place
    return ""


def _near(name: Any, known: Iterable[str]) -> str:
    near = get_close_matches(str(name), list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Union
