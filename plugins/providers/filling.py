"""Fill a JSON schema with texts that are at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["fill"]

_TITLES = re.compile(r"section|heading|title|topic|outline|name|chapter", re.IGNORECASE)
_DEPTH = 12


def fill(schema: Mapping[str, Any], *, texts: Sequence[str], titles: Sequence[str], number: int) -> Any:
    """Return a value that fits a schema: `titles` where a property's name asks for such, `texts` elsewhere.

    Objects, arrays, texts, numbers, booleans, null, enum, const, anyOf, oneOf, allOf's first and local `$ref` are
    known; limits of length and number are kept, patterns and formats are not.

    >>> fill({"type": "array", "items": {"type": "string"}, "maxItems": 1}, texts=["a", "b"], titles=[], number=0)
    ['a']
    """
    return _Filler(schema, list(texts), list(titles), number).value(schema, "", 0, 0)


class _Filler:
    def __init__(self, root: Mapping[str, Any], texts: list[str], titles: list[str], number: int) -> None:
        self.root = root
        self.texts = texts
        self.titles = titles
        self.number = number

    def value(self, schema: Mapping[str, Any], name: str, index: int, depth: int) -> Any:
        """Return a value for a part of the schema; `index` counts the elements of the array it stands in."""
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][min(index, len(schema["enum"]) - 1)]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list | tuple) else kind
        if kind == "object":
            return self._object(schema, index, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema)
        if kind == "boolean":
            return self.number > 0
        return None if kind == "null" else self._text(schema, name, index)

    def _object(self, schema: Mapping[str, Any], index: int, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or ()
        names = [name for name in properties if name in required or depth < _DEPTH]
        return {name: self.value(properties[name], name, index, depth + 1) for name in names}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        least, most = int(schema.get("minItems", 0)), schema.get("maxItems")
        size = max(least, min(len(self._pool(name)), 5 if most is None else int(most)))
        if depth >= _DEPTH:
            size = least
        items = schema.get("items")
        return [self.value(items if isinstance(items, Mapping) else {}, name, i, depth + 1) for i in range(size)]

    def _text(self, schema: Mapping[str, Any], name: str, index: int) -> str:
        pool = self._pool(name)
        text = pool[index % len(pool)] if pool else ""
        most = schema.get("maxLength")
        text = text if most is None else text[: int(most)]
        return text.ljust(int(schema.get("minLength", 0)), ".")

    def _number(self, schema: Mapping[str, Any]) -> int | float:
        least, most = schema.get("minimum"), schema.get("maximum")
        above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        value: int | float = self.number
        value = value if below is None or value < below else below - 1
        value = value if most is None or value <= most else most
        value = value if above is None or value > above else above + 1
        return value if least is None or value >= least else least

    def _pool(self, name: str) -> list[str]:
        return self.titles if _TITLES.search(name) and self.titles else self.texts

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_DEPTH):
            reference = schema.get("$ref")
            chosen = next((schema[key] for key in ("anyOf", "oneOf", "allOf") if schema.get(key)), None)
            if isinstance(reference, str) and reference.startswith("#"):
                target: Any = self.root
                for part in reference.strip("#/").split("/"):
                    target = target.get(part, {}) if part and isinstance(target, Mapping) else target
                schema = target
            elif chosen:
                schema = chosen[0]
            else:
                break
        return schema
