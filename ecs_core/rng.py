"""The resource `Rng`: one random stream per system, so that adding a system shifts no other."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

__all__ = ["Rng"]


class Rng(np.random.Generator):
    """A NumPy generator (PCG64) of a system's own: ask for it with `Res[Rng]`.

    >>> from tickwright.ecs_core.streams import Streams
    >>> first, again = Streams(1).stream("wander"), Streams(1).stream("wander")
    >>> bool(first.random() == again.random())
    True
    """

    of_each_system: ClassVar[bool] = True  # what `Res` looks for, which is resolved without NumPy's generators
