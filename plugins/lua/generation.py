"""Generation from Lua: pipelines, completions, and the handlers that steps call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from tickwright.plugins.lua.context import Doors, optional_text
from tickwright.plugins.lua.definitions import bind_handlers, register_owned
from tickwright.plugins.lua.errors import PluginValueError
from tickwright.plugins.lua.features import feature
from tickwright.plugins.lua.values import decode_json, text

if TYPE_CHECKING:
    from tickwright.plugins.lua.loaded import LoadedPlugin

__all__ = ["GenerationDoors", "LuaStepHandler"]


class LuaStepHandler:
    """A Lua function as chunk handler, custom context source or judge: called with (value, ctx)."""

    __slots__ = ("__name__", "_doors", "_handle", "owner")

    def __init__(self, doors: GenerationDoors, handle: int, name: str) -> None:
        self._doors = doors
        self._handle = handle
        self.__name__ = name
        self.owner = doors.plugin.name

    def __call__(self, value: Any, ctx: Any) -> Any:
        """Run the function; its answer comes back as plain data."""
        runtime = self._doors.plugin.runtime
        token = self._doors.opened(ctx)
        try:
            answer = runtime.call("call_generation", self._handle, token, runtime.write(value), hook=self.__name__)
        finally:
            self._doors.closed(token)
        found = runtime.decode(answer[0]) if answer else None
        return [] if found == {} else found  # an empty table is an empty list: no handler answers with a map

    def __repr__(self) -> str:
        return f"<Lua {self.owner}/{self.__name__}>"


class GenerationDoors(Doors):
    """`ctx.generation`, and the ctx of chunk handlers and custom sources."""

    def __init__(self, plugin: LoadedPlugin) -> None:
        super().__init__(plugin)
        self._open: dict[int, Any] = {}
        self._token = 0
        plugin.host.generation_doors[id(plugin)] = self

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {
            "gen_register": self.register_json, "gen_start": self.start, "gen_handler": self.handler,
            "count_tokens": self.count,
            "gen_step": lambda token: self._ctx(token).current_step().encode(),
            "gen_count": lambda token, value: int(self._ctx(token).count_tokens(text(value))),
            "gen_get": lambda token, key: self.write(self._ctx(token).get(text(key))),
            "gen_set": lambda token, key, value: self._ctx(token).set(text(key), decode_json(value)),
            "gen_emit": self._emit,
        }  # fmt: skip

    def opened(self, ctx: Any) -> int:
        """Let Lua use `ctx` by number until `closed`."""
        self._token += 1
        self._open[self._token] = ctx
        return self._token

    def closed(self, token: int) -> None:
        """End the number's life."""
        self._open.pop(token, None)

    def _ctx(self, token: Any) -> Any:
        ctx = self._open.get(token)
        if ctx is None:
            raise PluginValueError("this ctx was used after its handler returned")
        return ctx

    def _emit(self, token: Any, event: bytes, payload: Any) -> None:
        ctx = self._ctx(token)
        self.plugin.count_emit()
        ctx.emit(text(event), decode_json(payload))

    @property
    def manager(self) -> Any:
        """The world's generation manager."""
        self.allowed()
        return self.plugin.host.manager("generation")

    def allowed(self) -> None:
        """Refuse what the manifest does not permit."""
        if not self.plugin.manifest.permissions.generation:
            raise PluginValueError("this plugin has no permission for generation (permissions.generation)")

    def register_json(self, definition: bytes) -> None:
        """Register a definition that arrived as JSON text."""
        self.register(decode_json(definition))

    def register(self, definition: dict[str, Any]) -> None:
        """Register a pipeline; its handlers are the module's functions or functions in the definition."""
        plugin = self.plugin
        self.allowed()
        document, handlers = bind_handlers(plugin, definition, lambda handle, name: LuaStepHandler(self, handle, name))

        def apply() -> Callable[[], None]:
            made = register_owned(self.manager, document, handlers, owner=plugin.name)
            return lambda: self.manager.unregister(made.id)

        plugin.register("pipeline", str(definition.get("id", "?")), apply)

    def handler(self, name: bytes, handle: int) -> None:
        """Offer a function to this plugin's definitions under a name of its own."""
        made = LuaStepHandler(self, int(handle), text(name))
        plugin = self.plugin

        def apply() -> Callable[[], None]:
            plugin.host.handlers.register(plugin.name, {text(name): made})
            return lambda: None

        plugin.register("handler", text(name), apply)

    def start(self, pipeline: bytes, variables: Any) -> bytes:
        """Start a run and go on; return its id."""
        self.plugin.count_command()
        return str(int(self.manager.start(text(pipeline), decode_json(variables) or {}))).encode()

    def count(self, value: bytes, model: Any) -> int:
        """Return how many tokens a text has."""
        return int(feature("generation", "count_tokens")(text(value), optional_text(model)))

    # What coroutines wait for -------------------------------------------------------------------------------------

    async def run(self, pipeline: str, variables: Any) -> dict[str, Any]:
        """Run a pipeline to its end; return the result as Lua sees it."""
        result = await self.manager.run(pipeline, variables or {})
        return {
            "pipelineId": result.pipeline_id,
            "steps": {name: _step(step) for name, step in result.steps.items()},
            "finalResult": result.final_result,
            "totalTokensUsed": result.total_tokens_used,
            "durationMs": result.duration_ms,
        }

    async def complete(self, prompt: str, options: Any) -> str:
        """Ask a model; options as in CompletionOptions."""
        kind = feature("generation", "CompletionOptions")
        fields = {_OPTION_NAMES.get(key, key): value for key, value in (options or {}).items()}
        unknown = set(fields) - set(kind.__struct_fields__)
        if unknown:
            known = ("model", "maxTokens", "temperature", "includeContext", "contextSources", "stream")
            raise PluginValueError(f"complete() has no option '{sorted(unknown)[0]}'", expected=", ".join(known))
        return str(await self.manager.complete(prompt, msgspec.convert(fields, kind)))


_OPTION_NAMES = {
    "maxTokens": "max_tokens",
    "includeContext": "include_context",
    "contextSources": "context_sources",
}


def _step(step: Any) -> dict[str, Any]:
    return {
        "id": step.id,
        "result": step.result,
        "tokensUsed": step.tokens_used,
        "durationMs": step.duration_ms,
        "results": list(getattr(step, "results", None) or []),
        "status": str(getattr(step, "status", "done")),
    }
