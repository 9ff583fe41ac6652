"""The chat-completions protocol, which servers and the local model share: what to send, and what comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from tickwright.systems.generation.gather import clean_text
from tickwright.systems.generation.provider import (
    BadRequestError,
    Delta,
    InvalidJsonError,
    PromptTooLongError,
    ProviderError,
    ProviderServerError,
    RateLimitedError,
    Request,
    UnauthorizedError,
    Usage,
)

__all__ = ["chat_body", "decode_chunk", "error_of", "read_chunk", "retry_after_s"]

_TOO_LONG = re.compile(r"context[ _](?:length|size|window)|maximum context|too many tokens|prompt is too long", re.I)
_NUMBER = re.compile(r"\d{2,9}")
_MESSAGE_MOST = 300


def chat_body(request: Request, *, max_tokens_field: str = "max_tokens") -> dict[str, Any]:
    """Return the JSON body of a streamed chat completion.

    Messages of one role in a row become one, joined by a blank line: many models' templates insist on turns.
    """
    turns: list[tuple[str, str]] = [("system", request.system)] if request.system else []
    turns += [(message.role, message.content) for message in request.messages]
    turns.append(("user", request.prompt))
    messages: list[dict[str, str]] = []
    for role, text in turns:
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += "\n\n" + clean_text(text)
        else:
            messages.append({"role": role, "content": clean_text(text)})
    body: dict[str, Any] = {
        "model": request.model, "messages": messages, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    options = {max_tokens_field: request.max_tokens, "temperature": request.temperature, "seed": request.seed}
    body |= {name: value for name, value in options.items() if value is not None}
    if request.stop:
        body["stop"] = list(request.stop)
    if request.json_schema is not None:
        schema = msgspec.to_builtins(request.json_schema)
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return body


def decode_chunk(data: str, where: str) -> Mapping[str, Any]:
    """Return a chunk's JSON object.

    Raises:
        InvalidJsonError: it is none.
    """
    try:
        chunk = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        chunk = None
    if not isinstance(chunk, dict):
        raise InvalidJsonError("a chunk of the answer is no JSON object", where=where, todo="see what the server is")
    return chunk


def read_chunk(chunk: Mapping[str, Any], where: str, *, secret: str = "") -> Delta | None:
    """Return what a chunk says, or None if it says nothing; a whole completion counts as one chunk.

    Raises:
        ProviderError: the chunk is an error.
    """
    if chunk.get("error"):
        raise error_of(0, chunk, where, secret=secret)
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    said = choice.get("delta") or choice.get("message") or {}
    text = said.get("content") if isinstance(said, dict) else None
    usage = _usage(chunk.get("usage"))
    finish = str(choice.get("finish_reason") or "")
    if not text and usage is None and not finish:
        return None
    return Delta(text if isinstance(text, str) else "", usage, finish)


def error_of(status: int, body: Any, where: str, *, secret: str = "", after_s: float | None = None) -> ProviderError:
    """Return the error that a status and an error body mean; what the server says is kept short and without the key."""
    error = body.get("error") if isinstance(body, Mapping) else None
    fields: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    code = fields.get("code")
    if not status:
        limited = 429 if "rate_limit" in f"{code} {fields.get('type')}" else 500
        status = code if isinstance(code, int) and 400 <= code < 600 else limited
    said = str(fields.get("message") or (error if isinstance(error, str) else ""))
    if secret:
        said = said.replace(secret, "***")
    said = " ".join(said.split())[:_MESSAGE_MOST]
    kind = f"{code} {fields.get('type')} {said}"
    if status in (401, 403):  # the message may quote the key, and says nothing that helps
        return UnauthorizedError(
            f"the server does not accept the key (HTTP {status})", where=where, todo="check the key", status=status
        )
    if status == 429:
        return RateLimitedError(
            f"too many requests: {said or 'HTTP 429'}", where=where, status=status, retry_after_s=after_s
        )
    if status >= 500 or status == 408:
        return ProviderServerError(
            f"the server failed with HTTP {status}: {said or 'no reason given'}",
            where=where, status=status, retry_after_s=after_s,
        )  # fmt: skip
    if _TOO_LONG.search(kind) or status == 413:
        asked, window = _sizes(fields, said)
        return PromptTooLongError(
            f"the prompt does not fit the model's window: {said or f'HTTP {status}'}",
            where=where, todo="lower the context's max_tokens, or use a model with a larger window",
            status=status, asked=asked, window=window,
        )  # fmt: skip
    return BadRequestError(
        f"the server refuses the request with HTTP {status}: {said or 'no reason given'}", where=where, status=status
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` ask for; a date is taken against the server's own."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            continue
    try:
        wanted, now = (parsedate_to_datetime(headers.get(name, "")) for name in ("retry-after", "date"))
        return max(0.0, (wanted - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    details = value.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
    return Usage(int(value.get("prompt_tokens") or 0), int(value.get("completion_tokens") or 0), int(cached or 0))


def _sizes(fields: Mapping[str, Any], said: str) -> tuple[int, int]:
    """Return (prompt tokens, window) as far as the error says them."""
    asked, window = fields.get("n_prompt_tokens"), fields.get("n_ctx")
    if isinstance(asked, int) and isinstance(window, int):
        return asked, window
    numbers = sorted({int(number) for number in _NUMBER.findall(said)})
    return (numbers[-1], numbers[0]) if len(numbers) == 2 else (0, 0)
