"""Doubles for generation: models that answer by a function, and event loops whose time is virtual."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import trio.testing

from tickwright.ecs_core import App, ManualClock
from tickwright.systems.generation import Delta, GenerationManager, GenerationPlugin, Request, Usage
from tickwright.systems.hooks import HooksPlugin

__all__ = ["Model", "chain", "make_app", "manager", "virtually"]


class Model:
    """Answers by `answer(request)`: a text, an error to raise, or a list of texts, delays in seconds and errors.

    `log` holds (what, step, prompt, virtual time): "begin", then "end", "cut" or "fail".
    """

    def __init__(self, answer: Callable[[Request], Any] | None = None, *, delay_s: float | Callable[..., float] = 0.0):
        self.answer = answer or (lambda request: request.prompt)
        self.delay_s = delay_s
        self.log: list[tuple[str, str, str, float]] = []
        self.requests: list[Request] = []
        self.open = 0
        self.peak = 0

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        self._note("begin", request)
        self.open += 1
        self.peak = max(self.peak, self.open)
        how = "cut"
        try:
            delay_s = self.delay_s(request) if callable(self.delay_s) else self.delay_s
            await anyio.sleep(delay_s)
            said = self.answer(request)
            for part in said if isinstance(said, list) else [said]:
                if isinstance(part, float):
                    await anyio.sleep(part)
                elif isinstance(part, Exception):
                    how = "fail"
                    raise part
                else:
                    yield Delta(part)
            yield Delta("", Usage(len(request.prompt), 1), "stop")
            how = "end"
        finally:
            self.open -= 1
            self._note(how, request)

    def _note(self, what: str, request: Request) -> None:
        self.log.append((what, request.step, request.prompt, anyio.current_time()))

    def asked(self, what: str = "begin") -> list[str]:
        """Return the prompts in order."""
        return [prompt for kind, _, prompt, _ in self.log if kind == what]


def make_app(*models: Any, clock: Any = None, plugins: tuple[Any, ...] = (), **settings: Any) -> App:
    """Return an app with hooks and generation; the first model is "default", the others "m1", "m2"..."""
    named = {"default" if i == 0 else f"m{i}": model for i, model in enumerate(models)}
    app = App(clock=clock or ManualClock())
    app.add_plugins(HooksPlugin(), *plugins, GenerationPlugin(models=named, **settings))
    return app


def manager(app: App) -> GenerationManager:
    """Return the app's manager."""
    return app.world.resource(GenerationManager)


def chain(*steps: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """Return a chain's definition; its id is "p" unless given."""
    strategy = {"type": "chain", "steps": list(steps)}
    if "output" in extra:
        strategy["output"] = extra.pop("output")
    return {"id": "p", "strategy": strategy, **extra}


def virtually(backend: str, main: Callable[[], Awaitable[Any]]) -> Any:
    """Run `main` on a loop whose clock jumps to the next timer as soon as nothing else is to be done."""
    if backend == "trio":
        options: dict[str, Any] = {"clock": trio.testing.MockClock(autojump_threshold=0)}
    else:
        options = {"loop_factory": _VirtualLoop}
    return anyio.run(main, backend=backend, backend_options=options)


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    loop: _VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        found = super().select(0)
        if not found:
            self.loop.now_s += timeout
        return found


class _VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop over a virtual clock."""

    def __init__(self) -> None:
        self.now_s = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s
