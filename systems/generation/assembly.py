"""Fit what the sources gave into a budget of tokens, and report what was used, what was dropped and why."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tickwright.systems.contracts.ports import LinkSource
from tickwright.systems.generation.context_types import (
    AssembledContext,
    ContextConfig,
    ContextSource,
    ItemReport,
    SourceReport,
)
from tickwright.systems.generation.errors import ContextOverflowError, MissingSourceError
from tickwright.systems.generation.gather import CustomCaller, Gathered, Item, gather
from tickwright.systems.generation.provider import Message
from tickwright.systems.generation.tokens import TokenCounter
from tickwright.systems.generation.truncate import truncate

__all__ = ["MESSAGE_OVERHEAD", "Limits", "assemble", "fit"]

MESSAGE_OVERHEAD = 4
"""Tokens that a model's chat format may add to each message; kept free where a window is given."""

_GAP = "\n\n"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a model allows: `window` tokens in all (None: no limit), of which `reserve` are kept for the answer.

    `model` and `encoding` choose how tokens are counted; an encoding that is given wins.
    """

    model: str | None = None
    encoding: str = ""
    window: int | None = None
    reserve: int = 0


def assemble(
    config: ContextConfig,
    user_message: str = "",
    *,
    notes: LinkSource | None = None,
    custom: CustomCaller | None = None,
    counter: TokenCounter | None = None,
    limits: Limits | None = None,
) -> AssembledContext:
    """Gather and fit: see `gather` and `fit`, which a program may also call one after the other."""
    gathered = gather(config, notes=notes, custom=custom)
    return fit(config, gathered, user_message, counter=counter or TokenCounter(), limits=limits or Limits())


def fit(
    config: ContextConfig,
    gathered: Sequence[Gathered],
    user_message: str = "",
    *,
    counter: TokenCounter,
    limits: Limits,
) -> AssembledContext:
    """Return the context that fits the budget.

    The system prompt and the user's message are always whole. Sources take room by priority, equal ones by order;
    what `min_tokens` of lower ones ask for is kept free. A source that does not fit is cut, dropped or an error, by
    its policy; a note that a source of higher priority brought already is not repeated.

    Args:
        config: as `read_context` returns it.
        gathered: what `gather` returned for it.
        user_message: the prompt.
        counter: counts and remembers tokens.
        limits: the model's; the window less the reserve caps the budget.

    Raises:
        ContextOverflowError: the system prompt and the user's message are over the budget, or a source is whose
            policy is "error".
        MissingSourceError: a required source found nothing, or no room.

    Cost: 50 notes of 2 kB into 8000 tokens: about 1 ms with their counts remembered, 10 ms without
    (benches/bench_context.py).
    """
    fitter = _Fitter(config, gathered, counter, limits)
    reserved = fitter.reserve(user_message)
    order = sorted(range(len(gathered)), key=lambda at: (-config.priority_of(gathered[at].source), at))
    placed = fitter.place(order)
    reports = (*reserved, *(each.report for each in placed))
    return AssembledContext(
        system_prompt=config.system or "",
        messages=tuple(each.message for each in placed if each.message is not None),
        total_tokens=sum(report.used for report in reports),
        sources_used=tuple(each.report.id for each in placed if each.message is not None),
        truncated=any(report.dropped for report in reports),
        report=reports,
        budget=fitter.budget,
        encoding=fitter.encoding,
        encoding_known=fitter.known,
    )


class _Placed(msgspec.Struct):
    """One source's share."""

    report: SourceReport
    message: Message | None


class _Wish(msgspec.Struct):
    """What one source would use if there were room: its new items, and their tokens with and without repeats."""

    gathered: Gathered
    items: list[Item]
    repeats: list[ItemReport]
    asked: int
    wanted: int

    @property
    def source(self) -> ContextSource:
        return self.gathered.source

    @property
    def capped(self) -> int:
        """What it wants within its own limit."""
        return self.wanted if self.source.max_tokens is None else min(self.wanted, self.source.max_tokens)


class _Fitter:
    """One fitting."""

    def __init__(
        self, config: ContextConfig, gathered: Sequence[Gathered], counter: TokenCounter, limits: Limits
    ) -> None:
        self.config = config
        self.gathered = gathered
        self.counter = counter
        self.encoding, self.known = counter.resolve(limits.model, limits.encoding)
        self.budget = config.max_tokens
        if limits.window is not None:
            overhead = MESSAGE_OVERHEAD * (len(gathered) + 2)
            self.budget = max(0, min(self.budget, limits.window - limits.reserve - overhead))
        self.left = self.budget
        self.shown: dict[str, str] = {}

    def reserve(self, user_message: str) -> list[SourceReport]:
        """Take the room of the system prompt and the user's message."""
        reports = []
        for name, text in (("system", self.config.system or ""), ("user_message", user_message)):
            if text:
                tokens = self._count(text)
                reports.append(SourceReport(name, name, tokens, tokens, 0, "", self.config.priorities.get(name, 0)))
        asked = sum(report.asked for report in reports)
        if asked > self.budget:
            raise ContextOverflowError(
                "; ".join(f"{report.id} has {report.asked} tokens" for report in reports),
                where="the context",
                expected=f"at most {self.budget} together, for neither is ever cut",
                todo="shorten them, or raise max_tokens within the model's window",
                asked=asked,
                budget=self.budget,
            )
        self.left -= asked
        return reports

    def place(self, order: Sequence[int]) -> list[_Placed]:
        """Give the sources their room in `order`; return them in the config's order."""
        floors = self._floors(order)
        kept = sum(floors)
        placed: dict[int, _Placed] = {}
        for at, floor in zip(order, floors, strict=True):
            kept -= floor
            placed[at] = self._place(self._wish(self.gathered[at]), self.left - kept)
            report = placed[at].report
            self.left -= report.used
            self.shown |= {item.path: report.id for item in report.items if item.path and item.used}
        return [placed[at] for at in range(len(order))]

    def _wish(self, gathered: Gathered) -> _Wish:
        fresh, repeats = [], []
        for item in gathered.items:
            if item.path in self.shown:
                reason = f"already in {self.shown[item.path]}"
                repeats.append(ItemReport(item.path, self._count(_piece(item) + _GAP), 0, reason, item.by))
            else:
                fresh.append(item)
        asked = self._joined([_piece(item) for item in gathered.items])
        wanted = self._joined([_piece(item) for item in fresh]) if repeats else asked
        return _Wish(gathered, fresh, repeats, asked, wanted)

    def _floors(self, order: Sequence[int]) -> list[int]:
        """Return the room kept for each source by min_tokens; none where it cannot all be kept."""
        left, floors = self.left, []
        for at in order:
            source = self.gathered[at].source
            asked = self._joined([_piece(item) for item in self.gathered[at].items]) if source.min_tokens else 0
            floor = min(source.min_tokens, asked)
            floors.append(floor if floor <= left else 0)
            left -= floors[-1]
        return floors

    def _place(self, wish: _Wish, room: int) -> _Placed:
        source, items = wish.source, wish.items
        limit = room if source.max_tokens is None else min(room, source.max_tokens)
        short = "its max_tokens" if limit < room else "the budget"
        if wish.wanted <= limit:
            used = [ItemReport(each.path, tokens, tokens, "", each.by) for each, tokens in self._each(items)]
            return self._placed(wish, [_piece(item) for item in items], used)
        policy = source.on_overflow or self.config.on_overflow
        if policy == "error":
            raise ContextOverflowError(
                f"{source.id} has {wish.wanted} tokens",
                where=f"source {source.id!r}",
                expected=f"at most {max(0, limit)}: {short}",
                todo="ask for less, or let on_overflow be truncate or drop",
                source=source.id,
                asked=wish.wanted,
                budget=max(0, limit),
            )
        if policy == "drop":
            return self._dropped(wish, f"{wish.wanted} tokens do not fit {short} and on_overflow is drop")
        if limit < min(source.min_tokens, wish.capped):
            return self._dropped(wish, f"{max(0, limit)} tokens are left, min_tokens are {source.min_tokens}")
        return self._placed(wish, *self._cut(items, limit, short))

    def _cut(self, items: Sequence[Item], limit: int, short: str) -> tuple[list[str], list[ItemReport]]:
        """Keep whole items while they fit, cut the first that does not, and leave the rest out."""
        pieces: list[str] = []
        reports: list[ItemReport] = []
        left, full = limit, False
        for item, tokens in self._each(items):
            if not full and tokens <= left:
                pieces.append(_piece(item))
                reports.append(ItemReport(item.path, tokens, tokens, "", item.by))
                left -= tokens
                continue
            head, used, reason = ("", 0, f"no room in {short}") if full else self._head(item, pieces, limit, short)
            full = True
            reports.append(ItemReport(item.path, max(tokens, used), used, reason, item.by))
            if head:
                pieces.append(head)
        return pieces, reports

    def _head(self, item: Item, before: Sequence[str], limit: int, short: str) -> tuple[str, int, str]:
        """Return (what fits of an item, its tokens, why not all)."""
        taken = self._joined([*before, ""]) if before else 0
        room = limit - taken - self._count(item.header)
        while room > 0:
            cut = truncate(item.text, room, counter=self.counter, encoding=self.encoding)
            if not cut.text:
                break
            piece = item.header + cut.text
            over = self._joined([*before, piece]) - limit
            if over <= 0:
                return (
                    piece,
                    self._count(piece),
                    "" if cut.boundary == "whole" else f"cut at a {cut.boundary} for {short}",
                )
            room -= over
        return "", 0, f"no boundary of it fits {short}"

    def _placed(self, wish: _Wish, pieces: list[str], items: list[ItemReport]) -> _Placed:
        source = wish.source
        text = _GAP.join(pieces)
        used = self._joined(pieces)
        if not used:
            return self._dropped(wish, _reasons(items) or wish.gathered.reason)
        reports = (*items, *wish.repeats)
        asked = max(wish.asked, used)
        report = SourceReport(
            source.id, source.type_name, asked, used, asked - used,
            _reasons(reports) if asked > used else "", self.config.priority_of(source), reports,
        )  # fmt: skip
        return _Placed(report, Message("user", text, source.id))

    def _dropped(self, wish: _Wish, reason: str) -> _Placed:
        source = wish.source
        reason = reason or _reasons(wish.repeats)
        if source.required and not (wish.repeats and not wish.items):
            raise MissingSourceError(
                f"the required source {source.id!r} gave nothing: {reason}",
                where=f"source {source.id!r}",
                todo="see why, or let it not be required",
                source=source.id,
            )
        items = tuple(ItemReport(each.path, tokens, 0, reason, each.by) for each, tokens in self._each(wish.items))
        report = SourceReport(
            source.id, source.type_name, wish.asked, 0, wish.asked,
            reason, self.config.priority_of(source), (*items, *wish.repeats),
        )  # fmt: skip
        return _Placed(report, None)

    def _each(self, items: Sequence[Item]) -> list[tuple[Item, int]]:
        return [(item, self._count(_piece(item) + _GAP)) for item in items]

    def _count(self, text: str) -> int:
        return self.counter.count(text, encoding=self.encoding)

    def _joined(self, pieces: Sequence[str]) -> int:
        if not pieces:
            return 0
        parts = [*(piece + _GAP for piece in pieces[:-1]), pieces[-1]]
        return self.counter.count_joined(parts, encoding=self.encoding)


def _piece(item: Item) -> str:
    return item.header + item.text


def _reasons(items: Sequence[ItemReport]) -> str:
    """Return each reason once, with how many it is true of."""
    counts: dict[str, int] = {}
    for item in items:
        if item.reason:
            counts[item.reason] = counts.get(item.reason, 0) + 1
    return "; ".join(
        f"{count} of {len(items)} {reason}" if len(items) > 1 else reason for reason, count in counts.items()
    )
