"""What callers pass to the manager, checked where it comes in: a wrong type is a `FlowError`, and nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickwright.systems.flows.errors import FlowError

__all__ = ["action_column", "id_column", "mapping", "text"]


def text(value: object, what: str, where: str) -> str:
    """Return a text, or raise.

    Args:
        value: what was passed.
        what: what it should be, with its article, such as `an action`.
        where: the call, such as `flows.send`.
    """
    if type(value) is str:
        return value
    raise FlowError(f"{what} is a str, not {value!r:.60}", where=where, expected="a text")


def mapping(value: Any, what: str, where: str) -> dict[str, Any]:
    """Return a mapping as a dict, empty for None, or raise; `what` and `where` as for `text`."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    raise FlowError(f"{what} must be a mapping, not {value!r:.60}", where=where, expected="a dict")


def id_column(ids: Any) -> NDArray[np.int64]:
    """Return ids as int64 (N,), a copy unless they are read-only, for somebody may write to them before the tick.

    Raises:
        FlowError: something is no id.
    """
    try:
        given = np.asarray(ids)
        taken = given.astype(np.int64, copy=False).reshape(-1)
        whole = given.dtype.kind in "iu" or not given.size
    except (TypeError, ValueError, OverflowError) as error:
        raise FlowError(f"{ids!r:.80} are no ids", expected="ints that start_batch returned") from error
    if not whole:
        raise FlowError(f"{ids!r:.80} are no ids", expected="ints that start_batch returned")
    return taken.copy() if taken.flags.writeable else taken


def action_column(actions: Any, size: int) -> str | Sequence[str] | NDArray[Any]:
    """Return one action for all, or one per id as texts or as numbers.

    Raises:
        FlowError: the lengths differ, or something is no action.
    """
    if isinstance(actions, str):
        return actions
    if isinstance(actions, np.ndarray) and actions.dtype.kind in "iu":
        taken: Any = actions.copy() if actions.flags.writeable else actions
    else:
        try:
            taken = actions.tolist() if isinstance(actions, np.ndarray) else list(actions)
        except TypeError as error:
            raise FlowError(f"{actions!r:.60} is no action", expected="a text, or one per id") from error
        kinds = set(map(type, taken))
        if kinds == {int}:
            taken = np.array(taken, np.int64)
        elif kinds - {str}:
            odd = next(each for each in taken if type(each) is not str)
            raise FlowError(f"an action is a str, not {odd!r:.60}", expected="texts, or numbers of action_codes")
    if len(taken) != size:
        raise FlowError(f"{len(taken)} actions for {size} ids", expected="one action, or one per id")
    return taken  # type: ignore[no-any-return]
