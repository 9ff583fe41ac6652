"""Text as int32 numbers: what repeats is stored once, and columns compare numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tickwright.ecs_core.errors import TickwrightError

__all__ = ["SymbolError", "Symbols"]


class SymbolError(TickwrightError):
    """A number that no text has, or a value that is no text."""


class Symbols:
    """One world's texts, numbered in the order of meeting; append-only, 0 is the empty text.

    >>> symbols = Symbols()
    >>> symbols.intern("draft"), symbols.intern("draft"), symbols.text(1)
    (1, 1, 'draft')
    """

    def __init__(self) -> None:
        self._texts: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def __len__(self) -> int:
        return len(self._texts)

    def intern(self, text: str) -> int:
        """Return the text's number, a new one if it is new.

        Raises:
            SymbolError: it is no text.
        """
        found = self._numbers.get(text)
        if found is None:
            if not isinstance(text, str):
                raise SymbolError(f"{text!r} is no text", where="world.symbols", expected="a str")
            found = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return found

    def find(self, text: str) -> int:
        """Return the text's number, -1 if it never was interned."""
        return self._numbers.get(text, -1)

    def text(self, number: int) -> str:
        """Return a number's text.

        Raises:
            SymbolError: no text has it.
        """
        if not 0 <= number < len(self._texts):
            raise SymbolError(f"no symbol {number}", where="world.symbols", expected=f"0 to {len(self._texts) - 1}")
        return self._texts[number]

    def intern_batch(self, texts: Iterable[str]) -> NDArray[np.int32]:
        """Return the texts' numbers, int32 (N,)."""
        return np.fromiter(map(self.intern, texts), np.int32)

    def texts(self, numbers: Iterable[int]) -> list[str]:
        """Return the texts of numbers, in order."""
        return [self._texts[number] for number in numbers]

    def all(self) -> Sequence[str]:
        """Return every text, by number."""
        return tuple(self._texts)

    def restore(self, texts: Sequence[str]) -> None:
        """Replace everything, as `all` returned it."""
        self._texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(texts)}
