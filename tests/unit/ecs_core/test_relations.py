"""Relations: both directions, what becomes of sources when targets end, and what is refused."""

import logging

import pytest

from tickwright.ecs_core import (
    App,
    ChildOf,
    Children,
    Commands,
    ComponentError,
    Entity,
    ManualClock,
    Mut,
    On,
    Query,
    ReadOnlyError,
    RelationError,
    RemovedComponents,
    StaleEntityError,
    TickwrightError,
    Update,
    World,
    component,
    f32,
    relation,
)


@relation()
class Likes:
    targets: tuple[Entity, ...] = ()


@relation()
class Employs:
    boss: Entity = Entity(0)
    wage: f32 = 0.0


@relation(on_target_despawn="despawn")
class PartOf:
    wholes: tuple[Entity, ...] = ()


@component
class Name:
    text: str = ""


def test_children_stand_in_the_order_of_coming_and_parents_know_them():
    world = World()
    parent = world.spawn()
    ids = [world.spawn(ChildOf(parent)) for _ in range(3)]
    assert list(world.children(parent)) == ids
    assert tuple(world.get(parent, Children)) == world.children(parent)
    assert len(world.get(parent, Children)) == 3
    world.remove(ids[1], ChildOf)
    assert list(world.children(parent)) == [ids[0], ids[2]]
    world.despawn_batch([ids[0], ids[2]])
    assert world.children(parent) == ()
    assert not world.has(parent, Children)


def test_a_child_that_moves_to_another_parent_leaves_the_first():
    world = World()
    one, other = world.spawn(), world.spawn()
    child = world.spawn(ChildOf(one))
    world.insert(child, ChildOf(other))
    assert world.children(one) == ()
    assert world.children(other) == (child,)
    assert not world.has(one, Children)


def test_a_tree_ends_with_its_root_and_each_part_is_told_once():
    app = App(clock=ManualClock())
    world, lost = app.world, []

    def look(removed: RemovedComponents[ChildOf]) -> None:
        lost.extend(removed)

    app.add_systems(Update, look)
    root = world.spawn()
    middle = [world.spawn(ChildOf(root)) for _ in range(2)]
    leaves = [world.spawn(ChildOf(each)) for each in middle for _ in range(2)]
    other = world.spawn()
    world.despawn(root)
    app.update()
    assert sorted(lost) == sorted(middle + leaves)
    assert world.all_entities().tolist() == [other]


def test_a_batch_of_children_points_at_one_parent_or_at_many():
    world = World()
    one, other = world.spawn(), world.spawn()
    same = world.spawn_batch(3, ChildOf(one))
    mixed = world.spawn_batch(2, ChildOf.columns(parent=[other, one]))
    assert list(world.children(one)) == [*same.tolist(), int(mixed[1])]
    assert list(world.children(other)) == [int(mixed[0])]
    world.remove_batch(same, ChildOf)
    assert list(world.children(one)) == [int(mixed[1])]


def test_many_to_many_in_both_directions():
    world = World()
    ann, bob, cid = (world.spawn(Name(each)) for each in ("ann", "bob", "cid"))
    world.insert(ann, Likes((bob, cid)))
    world.insert(bob, Likes((cid,)))
    assert world.sources(Likes, cid) == (ann, bob)
    assert world.relations.targets(Likes, ann) == (bob, cid)
    world.insert(ann, Likes((bob,)))
    assert world.sources(Likes, cid) == (bob,)
    assert world.sources(Likes, bob) == (ann,)


def test_orphans_lose_the_relation_or_the_one_target_of_many():
    world = World()
    ann, bob, cid = world.spawn(), world.spawn(), world.spawn()
    world.insert(ann, Likes((bob, cid)))
    world.insert(bob, Employs(cid, wage=3.0))
    world.despawn(cid)
    assert world.get(ann, Likes).targets == (bob,)
    assert not world.has(bob, Employs)
    world.despawn(bob)
    assert not world.has(ann, Likes)
    assert world.contains(ann)


def test_a_user_relation_may_end_its_sources_and_theirs():
    world = World()
    whole = world.spawn()
    part = world.spawn(PartOf((whole,)))
    splinter = world.spawn(PartOf((part,)))
    friend = world.spawn(Likes((splinter,)))
    world.despawn(whole)
    assert world.all_entities().tolist() == [friend]
    assert not world.contains(splinter)
    assert not world.has(friend, Likes)


def test_a_circle_is_allowed_where_the_relation_does_not_forbid_it():
    world = World()
    ann, bob = world.spawn(), world.spawn()
    world.insert(ann, Likes((ann, bob)))
    world.insert(bob, Likes((ann,)))
    assert world.sources(Likes, ann) == (ann, bob)
    world.despawn(ann)
    assert not world.has(bob, Likes)


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_a_circle_of_children_is_refused_and_nothing_changes(depth):
    world = World()
    root = world.spawn()
    first = world.spawn(ChildOf(root))
    last = first
    for _ in range(depth):
        last = world.spawn(ChildOf(last))
    before = world.digest()
    with pytest.raises(RelationError, match="its own ancestor"):
        world.insert(first, ChildOf(last))
    assert world.digest() == before
    assert world.children(root) == (first,)


def test_a_circle_within_one_batch_is_refused():
    world = World()
    one, other, third = world.spawn(), world.spawn(), world.spawn()
    before = world.digest()
    for order in ([third, one, other], [one, other, third]):
        targets = {third: one, one: other, other: one}
        with pytest.raises(RelationError, match="its own ancestor"):
            world.insert_batch(order, ChildOf.columns(parent=[targets[each] for each in order]))
        assert world.digest() == before
    world.insert_batch([one, other], ChildOf.columns(parent=[other, third]))
    assert world.children(third) == (other,)


def test_a_batch_may_turn_a_tree_around():
    world = World()
    top = world.spawn()
    low = world.spawn(ChildOf(top))
    other = world.spawn()
    world.insert_batch([top, low], ChildOf.columns(parent=[low, other]))
    assert world.children(low) == (top,)
    assert world.children(other) == (low,)
    assert world.children(top) == ()


@pytest.mark.parametrize("target", [Entity(77), Entity(0)])
def test_a_target_that_is_not_there_is_refused_and_nothing_is_spawned(target):
    world = World()
    gone = world.spawn()
    world.despawn(gone)
    before, used = world.digest(), world.entities.used
    for bad in (target, gone):
        with pytest.raises(RelationError, match="expected a living target"):
            world.spawn(ChildOf(bad))
        with pytest.raises(RelationError):
            world.spawn_batch(2, Likes((bad,)))
    assert len(world) == 0
    assert world.digest() == before
    assert world.spawn_batch(2, Name()).size == 2
    assert world.entities.used <= used + 2


def test_commands_pass_over_a_target_that_is_gone_and_count_it(caplog):
    world = World()
    gone = world.spawn()
    commands = Commands(world)
    child = commands.spawn(Name("child"), ChildOf(gone))
    world.despawn(gone)
    with caplog.at_level(logging.WARNING):
        commands.apply()
    assert world.get(child, Name).text == "child"
    assert not world.has(child, ChildOf)
    assert world.stale_commands == 1
    assert "relation(s) ignored" in caplog.text


def test_commands_may_be_told_to_refuse_a_target_that_is_gone():
    world = World()
    world.stale_policy = "error"
    parent, gone = world.spawn(), world.spawn()
    world.despawn(gone)
    commands = Commands(world)
    child = commands.spawn(ChildOf(parent))
    commands.spawn(ChildOf(child))
    commands.spawn(ChildOf(gone))
    with pytest.raises(StaleEntityError, match="is gone"):
        commands.apply()
    assert world.children(parent) == ()
    assert len(world) == 1


def test_a_family_is_staged_at_once():
    world = World()
    commands = Commands(world)
    parent = commands.spawn(Name("parent"))
    child = commands.spawn(ChildOf(parent))
    grandchild = commands.spawn(ChildOf(child))
    commands.apply()
    assert world.children(parent) == (child,)
    assert world.children(child) == (grandchild,)


@pytest.mark.parametrize("body", [{}, {"x": f32}])
def test_a_relation_needs_a_target(body):
    kind = type("Bad", (), {"__annotations__": body, **dict.fromkeys(body, 0.0)})
    with pytest.raises(ComponentError, match="no target"):
        relation()(kind)


def test_the_index_takes_in_what_was_there_before_anyone_asked():
    world = World()
    boss = world.spawn()
    workers = world.spawn_batch(3, Employs(boss))
    assert list(world.sources(Employs, boss)) == workers.tolist()


class Ring:
    propagates = True


class Quiet:
    pass


def test_observers_bubble_along_parents_as_far_as_they_let_it():
    app = App(clock=ManualClock())
    world, heard = app.world, []
    root = world.spawn()
    middle = world.spawn(ChildOf(root))
    leaf = world.spawn(ChildOf(middle))

    def at(on: On[Ring]) -> None:
        heard.append((on.entity, on.target))

    def stop(on: On[Ring]) -> None:
        heard.append("stop")
        on.propagate(onward=False)

    for each in (root, middle, leaf):
        app.observe(at, entity=each)
    world.trigger(Ring(), entity=leaf)
    assert heard == [(leaf, leaf), (middle, leaf), (root, leaf)]
    heard.clear()
    app.observe(stop, entity=middle, priority=-1)
    world.trigger(Ring(), entity=leaf)
    assert heard == [(leaf, leaf), "stop", (middle, leaf)]


def test_events_that_do_not_propagate_stay_at_their_target():
    app = App(clock=ManualClock())
    world, heard = app.world, []
    root = world.spawn()
    leaf = world.spawn(ChildOf(root))

    def at(on: On[Quiet]) -> None:
        heard.append(on.entity)

    app.observe(at, entity=root)
    app.observe(at, entity=leaf)
    world.trigger(Quiet(), entity=leaf)
    assert heard == [leaf]


def test_an_observer_may_end_the_entity_it_is_at():
    app = App(clock=ManualClock())
    world, heard = app.world, []
    root = world.spawn()
    leaf = world.spawn(ChildOf(root))

    def end(on: On[Ring], commands: Commands) -> None:
        heard.append(on.entity)
        commands.despawn(on.entity)

    app.observe(end, entity=leaf)
    app.observe(end, entity=root)
    world.trigger(Ring(), entity=leaf)
    assert heard == [leaf]
    assert world.all_entities().tolist() == [root]


def test_a_relation_needs_no_parentheses_where_nothing_else_is_said():
    @relation
    class Follows:
        leader: Entity

    world = World()
    first = world.spawn()
    second = world.spawn(Follows(first))
    assert world.sources(Follows, first) == (second,)


@pytest.mark.parametrize("bad", ["twice", "stale"])
def test_a_batch_of_despawns_that_is_refused_makes_no_orphans(bad):
    world = World()
    boss = world.spawn()
    worker = world.spawn(Employs(boss))
    gone = world.spawn()
    world.despawn(gone)
    before = world.digest()
    with pytest.raises(TickwrightError, match="named twice" if bad == "twice" else "is gone"):
        world.despawn_batch([boss, boss if bad == "twice" else gone])
    assert world.digest() == before
    assert world.sources(Employs, boss) == (worker,)


def test_a_relations_target_is_written_by_inserting_it_anew():
    world = World()
    one, other = world.spawn(), world.spawn()
    child, worker = world.spawn(ChildOf(one)), world.spawn(Employs(one, wage=1.0))
    with pytest.raises(ReadOnlyError, match="a relation's target"):
        world.get(child, ChildOf).parent = other
    for relation_ in world.query(Query[Mut[ChildOf]]):
        assert relation_.parent.tolist() == [one]
        with pytest.raises(ReadOnlyError, match="a relation's target"):
            relation_.parent = other
        with pytest.raises(ValueError, match="read-only"):
            relation_.parent[0] = other
        with pytest.raises(ReadOnlyError, match="a relation's target"):
            relation_.values[0] = other
        with pytest.raises(ReadOnlyError, match="a relation's target"):
            relation_.set_if_changed(parent=other)
    for employs in world.query(Query[Mut[Employs]]):
        employs.wage += 1.0
    world.get(worker, Employs).wage += 1.0
    assert world.get(worker, Employs) == Employs(one, 3.0)
    assert world.children(one) == (child,)
    assert world.children(other) == ()
