"""Notes, tools and agents from Lua."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tickwright.ecs_core.errors import TickwrightError
from tickwright.plugins.lua.context import Doors, optional_text
from tickwright.plugins.lua.errors import PluginError, PluginValueError
from tickwright.plugins.lua.values import decode_json, text

__all__ = ["DomainDoors"]


def _plain(value: Any) -> Any:
    """Return a feature's answer as plain data: structs and dataclasses as dicts."""
    return msgspec.to_builtins(value, str_keys=True)


class DomainDoors(Doors):
    """`ctx.notes`, `ctx.tools`, `ctx.agents`."""

    def doors(self) -> Mapping[str, Callable[..., Any]]:
        """Return door name -> function."""
        return {
            "notes_save": self.save, "notes_requestSave": self.request_save, "notes_delete": self.delete,
            "notes_rename": self.rename, "notes_get": self.get, "notes_search": self.search,
            "notes_recent": self.recent, "notes_linked": self.linked, "notes_backlinks": self.backlinks,
            "tools_register": self.register_tool, "tools_call": self.call_tool,
            "agents_start": self.start_agent, "agents_complete": self.complete_agent,
        }  # fmt: skip

    # Notes ------------------------------------------------------------------------------------------------------

    def _notes(self, need: str) -> Any:
        allowed = self.plugin.manifest.permissions.notes
        if allowed == "none" or (need == "write" and allowed != "write"):
            raise PluginValueError(f"this plugin has no permission to {need} notes (permissions.notes)")
        return self.plugin.host.manager("notes")

    def save(self, path: bytes, content: bytes) -> Any:
        """Save a note through the hooks; return {saved, cancelled, reason, path}."""
        return self.write(_plain(self._notes("write").save(text(path), text(content))))

    def request_save(self, path: bytes, content: bytes) -> None:
        """Queue a save for the tick."""
        self.plugin.count_command()
        self._notes("write").request_save(text(path), text(content))

    def delete(self, path: bytes, _: Any = None) -> Any:
        """Delete a note through the hooks."""
        return self.write(_plain(self._notes("write").delete(text(path))))

    def rename(self, old: bytes, new: bytes) -> Any:
        """Rename a note."""
        return self.write(_plain(self._notes("write").rename(text(old), text(new))))

    def get(self, path: bytes, _: Any = None) -> Any:
        """Return {path, content, ...} of a note, or nil."""
        notes = self._notes("read")
        found = notes.get(text(path))
        if found is None:
            return None
        return self.write({"path": text(path), "content": found.content})

    def search(self, query: bytes, limit: Any) -> Any:
        """Return the notes that fit, best first."""
        return self._hits(self._notes("read").search(text(query), int(limit or 5)))

    def recent(self, folder: Any, limit: Any) -> Any:
        """Return the notes modified last."""
        return self._hits(self._notes("read").recent(optional_text(folder), int(limit or 5)))

    def linked(self, path: bytes, depth: Any) -> Any:
        """Return the notes within `depth` links."""
        return self._hits(self._notes("read").linked(text(path), int(depth or 1)))

    def backlinks(self, path: bytes, _: Any = None) -> Any:
        """Return the paths of the notes that link here."""
        return self.write([str(getattr(each, "path", each)) for each in self._notes("read").backlinks(text(path))])

    def _hits(self, hits: Any) -> Any:
        return self.write([{"path": each.path, "text": each.text, "score": each.score, "by": each.by} for each in hits])

    # Tools ------------------------------------------------------------------------------------------------------

    def _tools(self) -> Any:
        if not self.plugin.manifest.permissions.tools:
            raise PluginValueError("this plugin has no permission for tools (permissions.tools)")
        return self.plugin.host.manager("tools")

    def register_tool(self, name: bytes, handle: int, schema: Any) -> None:
        """Offer a Lua function as a tool; it gets the arguments as one table."""
        plugin, tools = self.plugin, self._tools()
        label = text(name)
        shape = decode_json(schema) or {"type": "object"}

        def run(**args: Any) -> Any:
            answer = plugin.runtime.call("call_tool", int(handle), plugin.runtime.write(args), hook=f"tool {label}")
            return plugin.runtime.decode(answer[0]) if answer else None

        def apply() -> Callable[[], None]:
            tools.register(label, run, shape, description=str(shape.get("description", "")), owner=plugin.name)
            return lambda: tools.unregister(label)

        plugin.register("tool", label, apply)

    def call_tool(self, name: bytes, args: Any) -> Any:
        """Call a tool through the hooks; return its result."""
        return self.write(_plain(self._tools().call(text(name), decode_json(args) or {})))

    # Agents -----------------------------------------------------------------------------------------------------

    def _agents(self) -> Any:
        if not self.plugin.manifest.permissions.agents:
            raise PluginValueError("this plugin has no permission for agents (permissions.agents)")
        return self.plugin.host.manager("agents")

    def start_agent(self, agent: bytes, handle: Any, task: Any) -> bytes:
        """Start an agent's task: a kept function, run as a coroutine, or the id of a pipeline."""
        agents, plugin = self._agents(), self.plugin
        if handle is None:
            return str(agents.start(text(agent), decode_json(task), owner=plugin.name).id).encode()
        coroutine = plugin.host.tasks.start(plugin, int(handle), name=f"agent {text(agent)}")
        try:
            started = agents.start(text(agent), owner=plugin.name, stop=lambda: plugin.host.tasks.cancel(coroutine))
        except TickwrightError:
            plugin.host.tasks.cancel(coroutine)
            raise
        task_id = str(started.id)
        coroutine.done = lambda value: agents.complete(task_id, value)

        def failed(error: PluginError) -> None:
            plugin.host.report(error)
            agents.fail(task_id, str(error))

        coroutine.failed = failed
        return task_id.encode()

    def complete_agent(self, task: bytes, result: Any) -> None:
        """End an agent's task with a result."""
        self._agents().complete(text(task), decode_json(result))
