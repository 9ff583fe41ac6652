"""Apps made of random systems from plain data, so that another process can make the same one.

A plan is {"systems": [[kind, filter, number], ...], "order": [[before, after], ...]}; `build` makes the app.
Run as a script it reads JSON lines [plan, seed, ticks, snapshot in base64 or ""] and prints one digest for each.
"""

import base64
import json
import sys
from dataclasses import dataclass, make_dataclass
from typing import Any

import numpy as np

from tickwright.ecs_core import (
    Added,
    App,
    Changed,
    ChildOf,
    Commands,
    Entity,
    EventReader,
    EventWriter,
    ManualClock,
    Mut,
    Objects,
    Query,
    RemovedComponents,
    Res,
    ResMut,
    Rng,
    Symbol,
    Update,
    With,
    Without,
    component,
    f32,
    i32,
)


@component
class Place:
    x: f32 = 0.0
    y: f32 = 0.0


@component
class Speed:
    x: f32 = 1.0
    kind: Symbol = "slow"


@component
class Count:
    n: i32 = 0


@component
class Note:
    text: str = ""


@component
class Mark: ...


@component(storage="sparse")
class Lit: ...


@dataclass(frozen=True)
class Moved:
    distance: float


KINDS = (Place, Speed, Count, Note, Mark, Lit)
FILTERS = (With[Mark], Without[Mark], With[Lit], Without[Lit], With[Note], With[Place])
LEDGERS = tuple(
    make_dataclass(f"Ledger{n}", [("total", float, 0.0)], namespace={"__module__": "random_systems"}) for n in range(12)
)


def move(query, _number):
    for place, speed in query:
        place.x += speed.x
        place.y -= speed.x * 0.5


def drift(query, rng, number):
    for speed in query:
        speed.x += rng.standard_normal(len(speed)).astype(np.float32) * number


def count(query, _number):
    for counts in query:
        counts.n += 1


def write(query, number):
    for notes in query:
        for note in notes:
            note.text = f"{note.text[-5:]}{number}"


def spawn(commands, rng, number):
    for _ in range(int(rng.integers(0, 4))):
        kinds = [kind for kind in KINDS if rng.random() < 0.5]
        commands.spawn(*[kind() for kind in kinds])
    commands.spawn_batch(number, Place.columns(x=rng.random(number)), Speed(2.0, f"kind {number}"))


def end(query, commands, rng, _number):
    for ids, place in query:
        commands.despawn_batch(ids[(place.x > 6) | (rng.random(len(ids)) < 0.1)])


def toggle(query, commands, number):
    for ids, lit in query:
        there = np.asarray(lit)
        chosen = ids % np.uint64(3) == np.uint64(number % 3)
        for each in ids[chosen & ~there].tolist():
            commands.insert(each, Lit())
        commands.remove_batch(ids[chosen & there], Lit)


def adopt(query, commands, _number):
    for ids in query:
        for child, parent in zip(ids[1:].tolist(), ids[:-1].tolist(), strict=True):
            if child % 2:
                commands.insert(child, ChildOf(Entity(parent)))


def later(query, commands, number):
    for ids in query:
        for each in ids[:2].tolist():
            commands.after(0.02 * number).insert(each, Count(number), Note(f"late {number}"))


def tell(query, sent, _number):
    for place in query:
        sent.send_batch({"distance": place.x.astype(np.float64)})
        sent.send(Moved(float(len(place))))


def hear(heard, ledger, _number):
    for batch in heard.batches():
        ledger.total += float(np.sum(batch["distance"]))


def tally(query, ledger, number):
    ledger.total = ledger.total * 0.5 + query.count() * number + float(query.ids().sum() % np.uint64(1000))


def mourn(removed, ledger, _number):
    ledger.total += float(removed.read().sum() % np.uint64(1000))


def parameters(kind: str, where: Any, ledger: type[Any]) -> tuple[Any, dict[str, Any]]:
    """Return a system's function and the types of its parameters."""
    return {
        "move": (move, {"query": Query[tuple[Mut[Place], Speed], where]}),
        "drift": (drift, {"query": Query[Mut[Speed], where], "rng": Res[Rng]}),
        "count": (count, {"query": Query[Mut[Count], Changed[Count]]}),
        "count all": (count, {"query": Query[Mut[Count], where]}),
        "write": (write, {"query": Query[Mut[Objects[Note]], where]}),
        "spawn": (spawn, {"commands": Commands, "rng": Res[Rng]}),
        "end": (end, {"query": Query[tuple[Entity, Place], where], "commands": Commands, "rng": Res[Rng]}),
        "toggle": (toggle, {"query": Query[tuple[Entity, HasLit], With[Place]], "commands": Commands}),
        "adopt": (adopt, {"query": Query[Entity, Added[Place], Without[ChildOf]], "commands": Commands}),
        "later": (later, {"query": Query[Entity, where], "commands": Commands}),
        "tell": (tell, {"query": Query[Place, Changed[Place]], "sent": EventWriter[Moved]}),
        "hear": (hear, {"heard": EventReader[Moved], "ledger": ResMut[ledger]}),
        "changed": (tally, {"query": Query[Entity, Changed[Place]], "ledger": ResMut[ledger]}),
        "changed notes": (tally, {"query": Query[Entity, Changed[Note]], "ledger": ResMut[ledger]}),
        "added": (tally, {"query": Query[Entity, Added[Lit]], "ledger": ResMut[ledger]}),
        "mourn": (mourn, {"removed": RemovedComponents[Place], "ledger": ResMut[ledger]}),
    }[kind]


def _has_lit() -> Any:
    from tickwright.ecs_core import Has

    return Has[Lit]


HasLit = _has_lit()
SYSTEMS = (
    "move", "drift", "count", "count all", "write", "spawn", "end", "toggle", "adopt", "later", "tell", "hear",
    "changed", "changed notes", "added", "mourn",
)  # fmt: skip


def system(number: int, kind: str, where: Any, amount: int) -> Any:
    """Return one system, named by its number."""
    body, types = parameters(kind, where, LEDGERS[number])

    def run(**values: Any) -> None:
        body(**values, _number=amount) if "_number" in body.__code__.co_varnames else body(**values, number=amount)

    names = ", ".join(types)
    made: dict[str, Any] = {}
    exec(f"def s({names}): run({', '.join(f'{name}={name}' for name in types)})", {"run": run}, made)
    found = made["s"]
    found.__annotations__ = types
    found.__name__ = found.__qualname__ = f"{number} {kind}"
    return found


def build(plan: dict[str, Any], seed: int, *, threads: int = 0) -> App:
    """Return the app of a plan."""
    app = App(seed=seed, clock=ManualClock(step_ms=20)).add_component(*KINDS)
    for each in LEDGERS:
        app.insert_resource(each(), persistent=True)
    systems = [system(n, kind, FILTERS[where], amount) for n, (kind, where, amount) in enumerate(plan["systems"])]
    for number, each in enumerate(systems):
        after = [systems[one] for one, other in plan["order"] if other == number and one < number]
        app.add_systems(Update, each, after=after)
    rng = np.random.default_rng(seed)
    for chosen in range(0, 2 ** len(KINDS), 3):
        app.world.spawn(*[kind() for bit, kind in enumerate(KINDS) if chosen >> bit & 1])
    app.world.spawn_batch(100, Place.columns(x=rng.random(100)), Speed.columns(x=rng.random(100)), Count())
    if threads:
        app.use_parallel(Update, threads=threads)
    return app


def main() -> None:
    """Answer each line of the standard input."""
    for line in sys.stdin:
        plan, seed, ticks, saved = json.loads(line)
        with build(plan, seed) as app:
            if saved:
                app.restore(base64.b64decode(saved))
            app.run(ticks)
            print(app.digest(), flush=True)


if __name__ == "__main__":
    import random_systems  # the same types as elsewhere, not those of __main__

    random_systems.main()
