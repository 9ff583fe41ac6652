"""Requests: what `tickwright run --do FILE` asks of an app, one JSON object a line.

{"do": "save", "path": "a.md", "content": "text"}
{"do": "start", "flow": "review", "subject": "a.md", "user": "ann"}
{"do": "send", "flow": "review", "subject": "a.md", "action": "submit", "user": "ann"}
{"do": "generate", "pipeline": "research", "variables": {"user_query": "..."}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from tickwright.ecs_core import App, TickwrightError
from tickwright.plugins.cli.output import BadInputError
from tickwright.systems.flows import FlowFilter, FlowManager
from tickwright.systems.generation import GenerationManager
from tickwright.systems.hooks import Hooks
from tickwright.systems.notes import Notes
from tickwright.systems.tools import Tools

__all__ = ["Answer", "Request", "perform", "read_requests"]


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", rename="camel"):
    pass


class Save(_Request, frozen=True, tag="save"):
    """Save a note past the hooks."""

    path: str
    content: str


class Delete(_Request, frozen=True, tag="delete"):
    """Delete a note past the hooks."""

    path: str


class Start(_Request, frozen=True, tag="start"):
    """Start a flow."""

    flow: str
    context: dict[str, Any] = {}
    subject: str = ""
    user: str = ""


class Send(_Request, frozen=True, tag="send"):
    """Send an action to an instance: by its id, or to the newest of a flow about a subject."""

    action: str
    instance: str = ""
    flow: str | None = None
    subject: str | None = None
    data: Any = None
    user: str = ""


class Generate(_Request, frozen=True, tag="generate"):
    """Start a pipeline; ticks run it, and its result stands among the runs."""

    pipeline: str
    variables: dict[str, Any] = {}


class Call(_Request, frozen=True, tag="tool"):
    """Call a tool past the hooks."""

    name: str
    args: dict[str, Any] = {}


class Emit(_Request, frozen=True, tag="emit"):
    """Queue a custom event."""

    event: str
    payload: Any = None


Request: TypeAlias = Save | Delete | Start | Send | Generate | Call | Emit


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a request; `result` is plain data, and `{"error": ...}` where it could not be done.

    Attributes:
        failed: the message with file and line, empty where the request was done.
    """

    request: str
    result: Any
    failed: str = ""


def read_requests(file: Path) -> dict[str, Request]:
    """Read a file of requests, all or nothing.

    Returns:
        `file:line` -> request, in the order of the lines.

    Raises:
        BadInputError: the file cannot be read, or a line is no request; names file and line.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise BadInputError(
            f"cannot read {str(file)!r}: {error.strerror}", where=str(file), expected="a file of requests, one a line"
        ) from None
    decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
    read: dict[str, Request] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read[f"{file}:{number}"] = decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadInputError(
                f"not a request: {error}",
                where=f"{file}:{number}",
                expected='a JSON object such as {"do": "save", "path": "a.md", "content": "text"}',
                todo="mend the line; nothing was done",
            ) from None
    return read


def perform(app: App, requests: Mapping[str, Request]) -> Iterator[Answer]:
    """Do what the requests ask, one after the other, and yield what came of each.

    One that cannot be done does not undo those before it, whose notes are on disk, nor stop those after it.
    """
    for place, request in requests.items():
        tag = str(type(request).__struct_config__.tag)
        try:
            yield Answer(tag, _perform(app, request))
        except TickwrightError as error:
            yield Answer(tag, {"error": str(error)}, failed=f"{place}: {error}")


def _perform(app: App, request: Request) -> Any:
    world = app.world
    match request:
        case Save(path, content):
            return world.resource(Notes).save(path, content)
        case Delete(path):
            return world.resource(Notes).delete(path)
        case Start(flow, context, subject, user):
            return {"instance": str(world.resource(FlowManager).start(flow, context, subject=subject, user=user))}
        case Send():
            flows = world.resource(FlowManager)
            instance = request.instance or _newest(flows, request.flow, request.subject)
            result = flows.send(instance, request.action, request.data, user=request.user)
            return {"instance": str(instance), "type": type(result).__name__, **msgspec.to_builtins(result)}
        case Generate(pipeline, variables):
            return {"run": str(int(world.resource(GenerationManager).start(pipeline, variables)))}
        case Call(name, args):
            return world.resource(Tools).call(name, args)
        case Emit(event, payload):
            return world.resource(Hooks).emit(event, payload)


def _newest(flows: FlowManager, flow: str | None, subject: str | None) -> str:
    found = flows.query(FlowFilter(definition=flow, subject=subject))
    if not len(found):
        raise BadInputError(
            f"no instance of flow {flow!r} about {subject!r}",
            where="the request 'send'",
            expected="an instance that was started",
            todo="start one first, or keep it between runs by --state",
        )
    return str(int(found.ids.max()))
