"""Doubles for generation: a model that answers by a function and keeps a log, apps with it, virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio

from tickwright.ecs_core import App, ManualClock
from tickwright.plugins.providers import run_in_virtual_time
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


def make_app(*models: Any, clock: Any = None, seed: int = 0, plugins: tuple[Any, ...] = (), **settings: Any) -> App:
    """Return an app with hooks and generation; the first model is "default", the others "m1", "m2"..."""
    named = {"default" if i == 0 else f"m{i}": model for i, model in enumerate(models)}
    app = App(seed=seed, clock=clock or ManualClock())
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
    return run_in_virtual_time(main, backend=backend)
