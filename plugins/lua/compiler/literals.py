"""Numbers and strings: from Luau's spelling to one that both targets read alike."""

from __future__ import annotations

import re

__all__ = ["BadLiteralError", "number_text", "number_value", "quote", "string_text", "string_value"]

_ESCAPE = re.compile(rb"\\(?:([0-9]{1,3})|x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]+)\}|(z)\s*|(\r\n|.))", re.DOTALL)
_SIMPLE = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_UNSAFE = re.compile(rb'[\x00-\x1f\x7f"\\]')
_PLAIN = re.compile(r"[^\\\r\n\x00]*\Z")


class BadLiteralError(ValueError):
    """A literal with an escape or digits that mean nothing; the parser adds the place."""


def number_value(text: str) -> float:
    """Return a number literal's value, a double as every number of Luau is.

    >>> number_value("0xFF_FF"), number_value("0b101"), number_value("1_000.5")
    (65535.0, 5.0, 1000.5)
    """
    digits = text.replace("_", "")
    base = {"x": 16, "b": 2}.get(digits[1:2].lower())
    if base is None:
        return float(digits)
    value = int(digits[2:], base)
    return float(value) if value < 2**1023 else float("inf")


def number_text(value: float, *, floats: bool) -> str:
    """Spell a number; with `floats` an integral one keeps a point, which makes it a double in Lua 5.4.

    >>> number_text(3.0, floats=True), number_text(3.0, floats=False), number_text(1e300, floats=True)
    ('3.0', '3', '1e+300')
    """
    if value == float("inf"):
        return "1e999"
    if value == int(value) and value < 1e15:
        return f"{int(value)}.0" if floats else str(int(value))
    return repr(value)


def string_value(text: str) -> bytes:
    """Return the bytes of a string literal given with its quotes (or long brackets, or interpolation marks)."""
    raw = text.encode("utf-8", "surrogateescape")
    if raw.startswith(b"["):
        mark = raw.index(b"[", 1) + 1
        body = raw[mark:-mark].replace(b"\r\n", b"\n")
        return body[1:] if body.startswith(b"\n") else body
    body = raw[1:-1]
    return _ESCAPE.sub(_unescape, body) if b"\\" in body else body


def _unescape(found: re.Match[bytes]) -> bytes:
    decimal, hexadecimal, code_point, skip, other = found.groups()
    if decimal is not None:
        if int(decimal) > 255:
            raise BadLiteralError(f"the escape '\\{decimal.decode()}' is above 255")
        return bytes([int(decimal)])
    if hexadecimal is not None:
        return bytes([int(hexadecimal, 16)])
    if code_point is not None:
        value = int(code_point, 16)
        if value > 0x10FFFF:
            raise BadLiteralError(f"the escape '\\u{{{code_point.decode()}}}' is beyond Unicode")
        return chr(value).encode("utf-8", "surrogatepass")
    if skip is not None:
        return b""
    if other in (b"x", b"u"):
        raise BadLiteralError(f"the escape '\\{other.decode()}' lacks its digits")
    return _SIMPLE.get(other, b"\n" if other == b"\r\n" else other)


def quote(value: bytes) -> str:
    """Spell bytes as a double-quoted literal on one line, the same for both targets."""
    safe = _UNSAFE.sub(lambda found: b"\\%03d" % found.group()[0], value)
    return '"' + safe.decode("utf-8", "surrogateescape") + '"'


def string_text(text: str) -> str:
    """Spell a string literal for the target: as it stands where that is safe, else decoded and quoted again."""
    if text[0] != "[" and _PLAIN.match(text):
        return text
    return quote(string_value(text))
