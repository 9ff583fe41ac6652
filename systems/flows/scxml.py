"""SCXML documents: states, history, transitions by event descriptors, and executable content that is data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from tickwright.systems.flows.actions import BLOCK
from tickwright.systems.flows.errors import FlowImportError
from tickwright.systems.flows.reader import read_definition
from tickwright.systems.flows.scxml_events import Arrow, group_transitions
from tickwright.systems.flows.scxml_expressions import to_expression, to_guard, to_value
from tickwright.systems.flows.structure import BEFORE_INITIAL, FlowDefinition

__all__ = ["from_scxml"]

_STATES = {"state", "parallel", "final", "history"}
_DELAY = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|s)?")
_OWN = {"state": ("initial",), "history": ("type",)}
_SEND = {"event", "delay", "id", "target", "type"}


def from_scxml(text: str | bytes, *, on_handler_error: str = "event", flow_id: str = "") -> FlowDefinition:
    """Return an SCXML document as a definition.

    Taken: state, parallel, final, history, initial, transition (event descriptors, cond with In() and comparisons,
    target, type), onentry, onexit, raise, assign, log, send with delay, cancel, datamodel with constants. Transitions
    of a state are tried in document order. States get their `id` as name, dots as underscores; several initial states,
    or content of <initial>, stand behind an extra state `(initial)` that leads on at once.

    Args:
        text: the document.
        on_handler_error: "event", as SCXML says: an error becomes the internal event `error.execution` and the step
            goes on; "rollback": nothing changes.
        flow_id: the definition's id; the document's `name`, or "scxml", if empty.

    Raises:
        FlowImportError: what has no counterpart (invoke, script, if, foreach, param, ...), by name, with its state.
        FlowDefinitionError: everything else that is wrong.
    """
    root = _parse(text)
    if _tag(root) != "scxml":
        raise _refuse(f"<{_tag(root)}> instead of <scxml>", "the document")
    _check_attributes(root, {"initial", "name", "version", "datamodel", "binding", "xmlns"}, "scxml")
    reader = _Reader(root)
    document = reader.state(root, "scxml")
    document["id"] = flow_id or root.get("name") or "scxml"
    document["context"] = dict(reader.data(root))
    document["options"] = {"on_handler_error": on_handler_error}
    return read_definition(document)


def _refuse(what: str, path: str, todo: str = "", expected: str = "") -> FlowImportError:
    return FlowImportError(what, where=path, expected=expected, todo=todo, path=path)


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses declarations, so that there are no entities to expand."""

    def doctype(self, *_args: Any) -> NoReturn:
        raise _refuse("a document type declaration", "the document", "leave it out: entities are not read")


def _parse(text: str | bytes) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_NoDoctype())  # noqa: S314 (documents with a DTD are refused)
    try:
        parser.feed(text)
        root = parser.close()
        assert isinstance(root, ElementTree.Element)
        return root
    except (ElementTree.ParseError, expat.ExpatError, ValueError) as error:
        raise _refuse(f"the document is no XML: {error}", "the document") from error


def _tag(element: ElementTree.Element) -> str:
    tag: object = element.tag  # a function for comments and processing instructions
    return tag.rpartition("}")[2] if isinstance(tag, str) else "comment"


def _check_attributes(element: ElementTree.Element, known: set[str], path: str) -> None:
    for name in element.attrib:
        if name.rpartition("}")[2] not in known and not name.startswith("{"):
            raise _refuse(f"the attribute `{name}` of <{_tag(element)}>", path, expected=", ".join(sorted(known)))


class _Reader:
    """Reads one document; knows every state's name and place."""

    def __init__(self, root: ElementTree.Element) -> None:
        self.names: dict[ElementTree.Element, str] = {}
        self.ids: dict[ElementTree.Element, str] = {}
        self.paths: dict[str, tuple[str, ...]] = {}
        self._name(root, (), 0)

    def _name(self, element: ElementTree.Element, path: tuple[str, ...], depth: int) -> None:
        if depth > 200:
            raise _refuse("states are nested more than 200 deep", ".".join(path)[:200])
        taken = {self.names[each] for each in element if each in self.names}
        for child in element:
            if _tag(child) not in _STATES:
                continue
            given = child.get("id") or f"{_tag(child)}_{len(self.names) + 1}"
            name = re.sub(r"[.#]", "_", given)
            while name in taken:
                name += "_"
            taken.add(name)
            if given in self.paths:
                raise _refuse(f"two states have the id {given!r}", given)
            self.names[child], self.ids[child] = name, given
            self.paths[given] = (*path, name)
            self._name(child, (*path, name), depth + 1)

    # -- states ------------------------------------------------------------------------------------------

    def state(self, element: ElementTree.Element, path: str) -> dict[str, Any]:
        """Return a state, or the root, as a document."""
        kind = _tag(element)
        if kind != "scxml":
            _check_attributes(element, {"id", *_OWN.get(kind, ())}, path)
        out: dict[str, Any] = {}
        if kind in ("parallel", "final", "history"):
            out["type"] = kind
        if kind == "history":
            return out | self._history(element, path)
        if element in self.ids:
            out["id"] = self.ids[element]
        known = _STATES | {"transition", "onentry", "onexit", "initial", "datamodel"}
        for child in element:
            if _tag(child) not in known and _tag(child) != "comment":
                raise _refuse(f"<{_tag(child)}> has no counterpart here", path, _TODO.get(_tag(child), ""))
        for key, name in (("enter", "onentry"), ("exit", "onexit")):
            blocks = [each for each in element if _tag(each) == name]
            contents = [self._content(block, f"{path}.{name}") for block in blocks]
            if len(contents) > 1:  # what goes wrong in one block ends that block alone
                contents = [[{"type": BLOCK, "params": {"actions": each}}] for each in contents if each]
            out[key] = [action for each in contents for action in each]
        states = [each for each in element if _tag(each) in _STATES]
        out["states"] = {self.names[each]: self.state(each, self.ids[each]) for each in states}
        if states and kind != "parallel":
            out["initial"], extra = self._initial(element, states, path)
            out["states"] = extra | out["states"]
        transitions = [self._transition(each, element, path) for each in element if _tag(each) == "transition"]
        return out | group_transitions(transitions, list(self.paths))

    def _history(self, element: ElementTree.Element, path: str) -> dict[str, Any]:
        targets = [self._transition(each, element, path) for each in element if _tag(each) == "transition"]
        if len(targets) > 1 or (targets and targets[0].actions):
            raise _refuse("content in a history state's default", path, "move it to the states' <onentry>")
        found: dict[str, Any] = {"history": element.get("type", "shallow"), "id": self.ids[element]}
        return found | ({"target": targets[0].document["target"]} if targets else {})

    def _initial(
        self, element: ElementTree.Element, states: list[ElementTree.Element], path: str
    ) -> tuple[str, dict[str, Any]]:
        """Return the initial state, and the states to add for it.

        Where several are named, or content runs on the way, an extra state stands before them and leads on at once.
        """
        inside = next((each for each in element if _tag(each) == "initial"), None)
        named, actions = (element.get("initial") or "").split(), list[dict[str, Any]]()
        if inside is not None:
            transition = next((each for each in inside if _tag(each) == "transition"), None)
            if transition is None or transition.get("cond") or transition.get("event"):
                raise _refuse("<initial> without a plain transition", path, expected="a target, and content")
            named = (transition.get("target") or "").split()
            actions = self._content(transition, f"{path}.initial")
        if not named:
            first = next((each for each in states if _tag(each) != "history"), states[0])
            return self.names[first], {}
        own = self.paths.get(self.ids.get(element, ""), ())
        for name in named:
            target = self.paths.get(name)
            if target is None or target[: len(own)] != own:
                raise _refuse(f"the initial state {name!r} is not inside", path)
        if len(named) == 1 and not actions:
            return ".".join(self.paths[named[0]][len(own) :]), {}
        way = {"target": [f"#{each}" for each in named], "actions": actions}
        return BEFORE_INITIAL, {BEFORE_INITIAL: {"always": way}}

    def _transition(self, element: ElementTree.Element, source: ElementTree.Element, path: str) -> Arrow:
        _check_attributes(element, {"event", "cond", "target", "type"}, path)
        if (kind := element.get("type", "external")) not in ("internal", "external"):
            raise _refuse(f"a transition of type {kind!r}", path, expected="internal or external")
        targets = (element.get("target") or "").split()
        for target in targets:
            if target not in self.paths:
                raise _refuse(f"no state {target!r}", path, expected=", ".join(self.paths)[:200])
        actions = self._content(element, f"{path}.transition")
        out: dict[str, Any] = {"actions": actions}
        if targets:
            out["target"] = [f"#{each}" for each in targets]
        if element.get("cond"):
            out["guard"] = to_guard(element.get("cond", ""), f"{path}.cond")
        # internal counts where the source is no parallel and every target is below it alone
        compound = _tag(source) != "parallel"
        own = self.paths.get(path, ())
        below = all(len(self.paths[each]) > len(own) and self.paths[each][: len(own)] == own for each in targets)
        if element.get("type") == "internal" and compound and below:
            out["reenter"] = False
        return Arrow((element.get("event") or "").split(), out, actions)

    def data(self, root: ElementTree.Element) -> Iterator[tuple[str, Any]]:
        """Yield (name, value) of the data model."""
        for model in root.iter():
            if _tag(model) != "datamodel":
                continue
            for each in model:
                if _tag(each) != "data":
                    continue
                _check_attributes(each, {"id", "expr"}, "datamodel")
                text = each.get("expr") or (each.text or "").strip()
                if not (name := each.get("id", "")).isidentifier():
                    raise _refuse(f"<data> with the id {name!r}", "datamodel", expected="a name")
                yield name, to_value(text, f"data {name}") if text else None

    # -- executable content ------------------------------------------------------------------------------

    def _content(self, block: ElementTree.Element, path: str) -> list[dict[str, Any]]:
        out = []
        for element in block:
            tag = _tag(element)
            if tag == "comment":
                continue
            make = _CONTENT.get(tag)
            if make is None:
                raise _refuse(f"<{tag}> has no counterpart here", path, _TODO.get(tag, ""))
            out.append(make(element, path))
        return out


def _raise(element: ElementTree.Element, path: str) -> dict[str, Any]:
    _check_attributes(element, {"event"}, path)
    return {"type": "flow.raise", "params": {"action": element.get("event", "")}}


def _assign(element: ElementTree.Element, path: str) -> dict[str, Any]:
    _check_attributes(element, {"location", "expr"}, path)
    location = element.get("location", "")
    if not location.isidentifier():
        raise _refuse(f"<assign> to {location!r}", path, expected="a name of the data model")
    return {"type": "flow.assign", "params": {"key": location, "expr": to_expression(element.get("expr", ""), path)}}


def _log(element: ElementTree.Element, path: str) -> dict[str, Any]:
    _check_attributes(element, {"label", "expr"}, path)
    params: dict[str, Any] = {"label": element.get("label", "")}
    if element.get("expr"):
        params["expr"] = to_expression(element.get("expr", ""), path)
    else:
        params["message"] = ""
    return {"type": "flow.log", "params": params}


def _send(element: ElementTree.Element, path: str) -> dict[str, Any]:
    _check_attributes(element, _SEND, path)
    if len(element):
        raise _refuse(f"<{_tag(element[0])}> inside <send>", path, "put the data into the context")
    event = element.get("event", "")
    if element.get("target") == "#_internal":
        return {"type": "flow.raise", "params": {"action": event}}
    if element.get("target") or "scxml" not in element.get("type", "scxml").lower():
        raise _refuse("<send> to somebody else", path, "send from a handler")
    delay = element.get("delay", "0s")
    found = _DELAY.fullmatch(delay.strip())
    if found is None:
        raise _refuse(f"the delay {delay!r}", path, expected="such as 500ms or 1.5s")
    seconds = float(found[1]) / (1000 if found[2] == "ms" else 1)
    params: dict[str, Any] = {"action": event, "delay_s": seconds}
    if element.get("id"):
        params["id"] = element.get("id")
    return {"type": "flow.send", "params": params}


def _cancel(element: ElementTree.Element, path: str) -> dict[str, Any]:
    _check_attributes(element, {"sendid"}, path)
    return {"type": "flow.cancel", "params": {"id": element.get("sendid", "")}}


_CONTENT: Mapping[str, Callable[[ElementTree.Element, str], dict[str, Any]]] = {
    "raise": _raise,
    "assign": _assign,
    "log": _log,
    "send": _send,
    "cancel": _cancel,
}
_TODO: Mapping[str, str] = {
    "invoke": "start the work from a handler and send its result back",
    "script": "write a handler",
    "if": "use transitions with cond",
    "foreach": "write a handler",
    "donedata": "give the final state an `output`",
}
