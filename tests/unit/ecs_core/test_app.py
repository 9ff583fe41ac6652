"""The app: the tick's anatomy, plugins and owners, errors, one-shot systems, sub-schedules."""

import functools
import logging
import threading

import pytest

from tickwright.ecs_core import (
    App,
    AppClosedError,
    AppExit,
    Commands,
    EventReader,
    EventWriter,
    Failures,
    First,
    FixedTime,
    FixedUpdate,
    InboxFullError,
    Last,
    Local,
    ManualClock,
    On,
    Plugin,
    PluginError,
    PluginGroup,
    PostUpdate,
    PreUpdate,
    Res,
    ResMut,
    Rng,
    ScheduleError,
    SettleError,
    Startup,
    SystemClock,
    SystemParamError,
    SystemRunError,
    SystemSet,
    TickError,
    Time,
    Update,
    World,
    chain,
    pipe,
)


class Score:
    def __init__(self, value: int = 0) -> None:
        self.value = value


class Ping:
    def __init__(self, number: int = 0) -> None:
        self.number = number


class Sets(SystemSet):
    A = "a"
    B = "b"
    C = "c"
    OWN = "own"


@pytest.fixture
def app():
    with App(clock=ManualClock()) as app:
        yield app


def noting(log, name):
    def system() -> None:
        log.append(name)

    return system


def test_a_tick_runs_its_schedules_in_order_and_startup_once(app):
    log = []
    for label in (Last, PostUpdate, Update, FixedUpdate, PreUpdate, First, Startup):
        app.add_systems(label, noting(log, label.name))
    app.update(dt_s=1 / 64)
    assert log == ["Startup", "First", "PreUpdate", "FixedUpdate", "Update", "PostUpdate", "Last"]
    log.clear()
    app.update(dt_s=0)
    assert log == ["First", "PreUpdate", "Update", "PostUpdate", "Last"]


def test_time_is_the_clocks_and_constant_during_a_tick(app):
    seen = []

    def look(time: Res[Time], world: World) -> None:
        seen.append((time.now_ms, world.now(), time.delta_s, time.tick))

    app.add_systems(First, look).add_systems(Last, look)
    app.update()
    app.update(dt_s=0.1)
    assert seen == [(16, 16, 0.016, 1)] * 2 + [(116, 116, 0.1, 2)] * 2


def test_a_long_pause_is_clamped(app):
    app.update(dt_s=3600)
    assert app.time.delta_s == app.time.max_delta_s
    assert app.time.now_ms == 3_600_000


def test_fixed_update_runs_as_often_as_time_asks_for_and_sees_its_own_delta(app):
    deltas = []

    def step(time: Res[Time]) -> None:
        deltas.append(time.delta_s)

    app.insert_resource(FixedTime(step_s=0.01)).add_systems(FixedUpdate, step)
    app.update(dt_s=0.035)
    assert deltas == [0.01] * 3
    assert app.world.resource(FixedTime).overstep == pytest.approx(0.5)
    app.update(dt_s=0.005)
    assert len(deltas) == 4
    assert app.time.delta_s == 0.005


def test_a_reader_at_a_fixed_step_loses_nothing(app):
    seen = []

    def read(pings: EventReader[Ping]) -> None:
        seen.extend(ping.number for ping in pings)

    app.insert_resource(FixedTime(step_s=1.0)).add_systems(FixedUpdate, read)
    for number in range(10):
        app.world.send(Ping(number))
        app.update(dt_s=0.11)
    assert seen == list(range(len(seen)))
    assert len(seen) == 10


def test_parameters_are_given_by_type(app):
    log = []

    def one(score: ResMut[Score], count: Local[int], writer: EventWriter[Ping], missing: Res[Rng] | None) -> None:
        score.value += 1
        count.value += 1
        writer.send(Ping(count.value))

    def two(score: Res[Score], pings: EventReader[Ping], gone: Res[SystemClock] | None) -> None:
        log.append((score.value, [ping.number for ping in pings], gone))

    app.insert_resource(Score()).add_systems(Update, chain(one, two))
    app.update()
    app.update()
    assert log == [(1, [1], None), (2, [2], None)]


def test_rng_streams_belong_to_systems_and_are_not_shifted_by_others():
    def draw(log):
        def wander(rng: Res[Rng]) -> None:
            log.append(float(rng.random()))

        return wander

    def other(rng: Res[Rng]) -> None:
        rng.random()

    alone, together = [], []
    for log, extra in ((alone, ()), (together, (other,))):
        app = App(seed=7, clock=ManualClock())
        app.add_systems(Update, *extra).add_systems(Update, draw(log))
        app.update()
        app.update()
    assert alone == together
    assert alone[0] != alone[1]


def test_conditions_gate_systems_and_sets(app):
    log = []
    asked = []

    def open_(score: Res[Score]) -> bool:
        asked.append(1)
        return score.value > 0

    app.insert_resource(Score())
    app.configure_sets(Update, Sets.A, run_if=open_)
    app.add_systems(Update, noting(log, "x"), noting(log, "y"), in_set=Sets.A)
    app.add_systems(Update, noting(log, "z"), run_if=[open_, open_])
    app.update()
    assert (log, len(asked)) == ([], 3)
    app.world.resource(Score).value = 1
    app.update()
    assert log == ["x", "y", "z"]


def test_sets_order_nest_and_have_a_default(app):
    log = []
    app.configure_sets(Update, Sets.A, Sets.B, Sets.OWN, chained=True)
    app.configure_sets(Update, Sets.C, in_set=Sets.A)
    app.set_default_set(Update, Sets.OWN)
    app.add_systems(Update, noting(log, "own"))
    app.add_systems(Update, noting(log, "b"), in_set=Sets.B)
    app.add_systems(Update, noting(log, "c"), in_set=[Sets.C])
    app.update()
    assert log == ["c", "b", "own"]
    graph = app.schedule(Update).graph()
    assert graph.sets["Sets.A"] == graph.sets["Sets.C"]
    assert len(graph.edges) == 2


def test_a_subschedule_repeats_while_its_condition_holds(app, caplog):
    log = []

    def work(score: ResMut[Score], commands: Commands) -> None:
        log.append(("work", score.value))
        commands.add(lambda world: log.append(("applied", score.value)))
        score.value -= 1

    def more(score: Res[Score]) -> bool:
        return score.value > 0

    app.insert_resource(Score(3))
    app.configure_sets(Update, Sets.A, Sets.B, Sets.C, chained=True)
    loop = app.add_subschedule(Update, [Sets.A, Sets.B], repeat_while=more, max_rounds=4)
    app.add_systems(Update, noting(log, "end"), in_set=Sets.C)
    app.add_systems(Update, noting(log, "second"), in_set=Sets.B)
    app.add_systems(Update, work, in_set=Sets.A)
    app.update()
    assert [each for each in log if each in ("second", "end")] == ["second"] * 3 + ["end"]
    assert log[0] == ("work", 3)
    assert [each[0] for each in log if isinstance(each, tuple)] == ["work", "applied"] * 3
    assert loop.exhausted == 0
    app.world.resource(Score).value = 100
    with caplog.at_level(logging.WARNING):
        app.update()
    assert loop.exhausted == 1
    assert "after 4 rounds" in caplog.text
    with pytest.raises(ScheduleError, match="in loop"):
        app.add_subschedule(Update, [Sets.B], repeat_while=more)


def failing_app(policy):
    app = App(clock=ManualClock(), on_error=policy)
    log = []

    def bad(commands: Commands, writer: EventWriter[Ping], time: Res[Time]) -> None:
        commands.add(lambda world: log.append("never"))
        writer.send(Ping(1))
        if time.tick != 3:
            raise ValueError("no")

    def good(pings: EventReader[Ping]) -> None:
        log.append([ping.number for ping in pings])

    app.add_systems(Update, chain(bad, good))
    return app, log


def test_under_panic_the_tick_completes_and_the_error_names_system_and_tick():
    app, log = failing_app("panic")
    with pytest.raises(SystemRunError, match="ValueError: no") as caught:
        app.update()
    assert log == [[]]
    assert (caught.value.tick, isinstance(caught.value.__cause__, ValueError)) == (1, True)
    assert "failing_app" not in caught.value.system


def test_under_log_a_system_is_tried_again(caplog):
    app, log = failing_app("log")
    for _ in range(3):
        app.update()
    assert log == [[], [], "never", [1]]
    assert app.failures.total == 2
    assert "in tick 2" in caplog.text


def test_under_quarantine_a_system_is_left_out_until_released(caplog):
    app, log = failing_app("quarantine")
    for _ in range(3):
        app.update()
    assert log == [[], [], []]
    assert list(app.world.resource(Failures).quarantined) == ["bad"]
    app.time.tick = 2
    app.release_quarantine("bad")
    app.update()
    assert log[3:] == ["never", [1]]
    with pytest.raises(ScheduleError, match="not in quarantine"):
        app.release_quarantine("bad")


def test_one_shot_systems_and_pipes(app):
    log = []

    def measure(score: Res[Score]) -> int:
        return score.value

    def report(value: int, time: Res[Time]) -> None:
        log.append((value, time.tick))

    app.insert_resource(Score(4))
    assert app.run_system(measure) == 4
    app.add_systems(Update, pipe(measure, report))
    app.update()
    assert log == [(4, 1)]

    def staging(commands: Commands) -> None:
        commands.add(lambda world: log.append("applied"))

    app.run_system(staging)
    assert log[-1] == "applied"

    def raising(commands: Commands) -> None:
        commands.add(lambda world: log.append("never"))
        raise KeyError("x")

    with pytest.raises(KeyError):
        app.run_system(raising)
    assert "never" not in log


class Noisy(Plugin):
    def __init__(self, log, name="noisy", fail=""):
        self.log = log
        self._name = name
        self.fail = fail

    @property
    def name(self):
        return self._name

    def build(self, app):
        self.log.append(f"build {self.name}")
        app.insert_resource(Score(1))
        app.add_systems(Update, noting(self.log, self.name))
        app.observe(self.hear)
        if self.fail == "build":
            raise ValueError("broken")

    def hear(self, on: On[Ping]) -> None:
        self.log.append(("heard", on.event.number))

    def init(self, ctx):
        self.log.append(f"init {ctx.owner} {ctx.now()}")
        ctx.log("unheard of", "hello")

    def cleanup(self, ctx):
        self.log.append(f"cleanup {ctx.owner}")
        if self.fail == "cleanup":
            raise ValueError("broken")


def test_plugins_are_built_then_begun_and_removed_with_all_they_registered(app, caplog):
    log = []
    released = []
    app.on_release(released.append)
    with caplog.at_level(logging.INFO):
        app.add_plugins(Noisy(log, "a"), Noisy(log, "b"))
    assert log == ["build a", "build b", "init a 0", "init b 0"]
    assert ("tickwright.plugin.a", logging.INFO, "hello") in caplog.record_tuples
    app.update()
    app.world.trigger(Ping(5))
    assert log[4:] == ["a", "b", ("heard", 5), ("heard", 5)]
    app.remove_plugin("a")
    log.clear()
    app.update()
    app.world.trigger(Ping(6))
    assert log == ["b", ("heard", 6)]
    assert (released, app.plugins) == (["a"], ("b",))
    assert not app.world.has_resource(Score)
    with pytest.raises(PluginError, match="no plugin 'a'"):
        app.remove_plugin("a")


def test_a_plugin_that_fails_to_build_leaves_nothing(app):
    log = []
    with pytest.raises(ValueError, match="broken") as caught:
        app.add_plugins(Noisy(log, fail="build"))
    assert caught.value.__notes__ == ["while building plugin 'noisy'"]
    app.update()
    assert log == ["build noisy"]
    app.add_plugins(Noisy(log))
    with pytest.raises(PluginError, match="added already"):
        app.add_plugins(Noisy(log))


def test_close_cleans_up_in_reverse_order_once_and_refuses_further_use():
    log = []
    app = App(clock=ManualClock())
    app.add_plugins(Noisy(log, "a"), Noisy(log, "b", "cleanup"))
    log.clear()
    with pytest.raises(ValueError, match="broken"):
        app.close()
    app.close()
    assert log == ["cleanup b", "cleanup a"]
    for use in (app.update, lambda: app.post(Ping()), lambda: app.call_soon(print)):
        with pytest.raises(AppClosedError, match="closed app"):
            use()


def test_groups_leave_out_and_replace(app):
    log = []
    group = PluginGroup(Noisy(log, "a"), Noisy(log, "b"), Noisy(log, "c")).without("b").replacing(Noisy([], "c"))
    app.add_plugins(group)
    assert log == ["build a", "init a 0"]
    assert app.plugins == ("a", "c")
    with pytest.raises(PluginError, match="no plugin 'd'"):
        list(PluginGroup(Noisy(log, "a")).without("d"))


def test_post_and_call_soon_enter_in_first_from_any_thread():
    log = []

    def read(pings: EventReader[Ping]) -> None:
        log.extend(ping.number for ping in pings)

    app = App(clock=ManualClock(), inbox_cap=3)
    app.add_systems(First, read)
    thread = threading.Thread(target=lambda: (app.post(Ping(1)), app.call_soon(lambda world: world.send(Ping(2)))))
    thread.start()
    thread.join()
    app.post(Ping(3))
    with pytest.raises(InboxFullError, match="holds 3"):
        app.post(Ping(4))
    app.update()
    assert log == [1, 2, 3]


def test_a_tick_in_a_tick_or_from_another_thread_is_refused():
    app = App(clock=ManualClock())
    app.add_systems(Update, lambda: app.update())
    with pytest.raises(SystemRunError, match="update\\(\\) inside a tick"):
        app.update()
    errors = []

    def elsewhere():
        try:
            app.update()
        except TickError as error:
            errors.append(str(error))
        app.ticker.adopt_thread()
        with pytest.raises(SystemRunError):
            app.update()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "ticked by another thread" in errors[0]


def test_run_ends_by_count_predicate_or_exit(app):
    assert app.run(3) == 0
    assert app.time.tick == 3
    app.run(until=lambda: app.time.tick >= 5)
    assert app.time.tick == 5

    def leave(time: Res[Time], world: World) -> None:
        if time.tick == 8:
            world.send(AppExit(3))

    app.add_systems(Update, leave)
    assert app.run() == 3
    assert app.time.tick == 8
    app.run(2, rate_hz=1000)
    with pytest.raises(SettleError, match="rate_hz"):
        app.run(1, rate_hz=0)


def test_settle_counts_work_and_stands_still_in_time(app):
    def answer(pings: EventReader[Ping], writer: EventWriter[Score]) -> None:
        for ping in pings:
            if ping.number:
                writer.send(Score(ping.number))

    def again(scores: EventReader[Score], writer: EventWriter[Ping]) -> None:
        for score in scores:
            writer.send(Ping(score.value - 1))

    app.add_systems(Update, chain(again, answer))
    assert app.settle() == 0
    app.world.send(Ping(5))
    assert app.settle() == 6
    assert app.clock.now_ms() == 0
    app.world.send(Ping(500))
    with pytest.raises(SettleError, match="not settled after 10 ticks"):
        app.settle(max_ticks=10)


def test_wait_until_ticks_and_gives_up(app):
    app.wait_until(lambda: app.time.tick >= 4)
    assert app.time.tick == 4
    with pytest.raises(SettleError, match="after 2 ticks"):
        app.wait_until(lambda: False, max_ticks=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lambda x: None, "the parameter has no type"),
        (lambda: _wants(int), "no system can ask for int"),
        (lambda: _wants(On[Ping]), "On[...] is for observers"),
        (lambda: _stars(), "*args and **kwargs have no type to resolve"),
        (lambda: _wants("Nowhere"), "the type hints cannot be read: name 'Nowhere' is not defined"),
        (lambda: _twice(), "it touches resource Score like parameter 'a', and one of the two writes"),
        (lambda: _wants(Local[Noisy]), "Local needs a type that can be made without arguments"),
    ],
)
def test_a_parameter_that_cannot_be_resolved_is_refused_and_nothing_is_added(app, make, message):
    with pytest.raises(SystemParamError) as caught:
        app.add_systems(Update, noting([], "fine"), make())
    assert message in str(caught.value)
    assert app.schedule(Update).entries == []


def _wants(kind):
    def system(x):
        pass

    system.__annotations__["x"] = kind
    return system


def _stars():
    def system(*args):
        pass

    return system


def _twice():
    def system(a: ResMut[Score], b: Res[Score]):
        pass

    return system


def test_things_that_are_no_systems_or_places_are_refused(app):
    with pytest.raises(ScheduleError, match="3 is no system"):
        app.add_systems(Update, 3)
    with pytest.raises(ScheduleError, match="is no schedule"):
        app.add_systems("Update", noting([], "x"))
    with pytest.raises(ScheduleError, match="is no set"):
        app.add_systems(Update, noting([], "x"), in_set="x")
    with pytest.raises(ScheduleError, match="no place in a schedule"):
        app.add_systems(Update, noting([], "x"), after=4)
    with pytest.raises(SystemParamError, match="a pipe needs two"):
        pipe(print)
    with pytest.raises(SystemParamError, match="an observer needs one parameter"):
        app.observe(noting([], "x"))
    app.add_systems(Update, noting([], "x"), after="nobody")
    with pytest.raises(ScheduleError, match="no system is named 'nobody'"):
        app.update()


def test_ambiguities_are_reported_and_ordering_ends_them(app):
    def one(score: ResMut[Score]) -> None: ...

    def two(score: Res[Score]) -> None: ...

    def three(world: World) -> None: ...

    app.add_systems(Update, one, two)
    found = app.schedule(Update).ambiguities()
    assert [(each.first, each.second, each.conflicts) for each in found] == [("one", "two", ("resource Score",))]
    app.add_systems(Update, three, after=[one, two])
    assert len(app.schedule(Update).ambiguities()) == 1


def test_observers_run_by_priority_and_entity_and_apply_what_they_stage(app):
    log = []

    def late(on: On[Ping], commands: Commands) -> None:
        log.append(("late", on.event.number, on.entity))
        commands.add(lambda world: log.append("applied"))

    def early(on: On[Ping]) -> None:
        log.append(("early", on.event.number, on.target))

    def only_seven(on: On[Ping]) -> None:
        log.append("seven")

    app.observe(late, priority=5)
    app.observe(early, priority=-5)
    seven = app.world.spawn()
    watcher = app.observe(only_seven, entity=seven)
    app.world.trigger(Ping(1), entity=seven)
    assert log == [("early", 1, seven), "seven", ("late", 1, seven), "applied"]
    app.world.observers.remove(watcher)
    app.world.observers.remove(watcher)
    log.clear()
    app.world.trigger(Ping(2), entity=seven)
    app.world.trigger(Score())
    assert log == [("early", 2, seven), ("late", 2, seven), "applied"]
    assert "On(" in repr(watcher.trigger)


def test_a_system_may_answer_on_the_queue_it_reads(app):
    seen = []

    def echo(pings: EventReader[Ping], writer: EventWriter[Ping]) -> None:
        for ping in pings:
            seen.append(ping.number)
            writer.send(Ping(ping.number + 1))

    app.add_systems(Update, echo)
    app.world.send(Ping(0))
    app.update()
    app.update()
    assert seen == [0, 1]


def test_a_plugins_loops_conditions_and_readers_go_with_it(app):
    log = []

    def hears(pings: EventReader[Ping]) -> bool:
        return not pings.is_empty()

    class Busy(Plugin):
        def build(self, app):
            app.configure_sets(Update, Sets.A, run_if=hears)
            app.add_subschedule(Update, [Sets.A], repeat_while=lambda: False)
            app.add_systems(Update, noting(log, "busy"), run_if=hears)

    app.add_systems(Update, noting(log, "stays"), in_set=Sets.A)
    app.add_plugins(Busy())
    app.world.send(Ping())
    app.update()
    assert sorted(log) == ["busy", "stays"]
    app.remove_plugin("Busy")
    log.clear()
    app.update()
    assert log == ["stays"]
    assert app.schedule(Update).loops == []
    assert app.add_event(Ping).readers == []


def test_a_subschedule_needs_sets_and_rounds(app):
    with pytest.raises(ScheduleError, match="0 rounds"):
        app.add_subschedule(Update, [Sets.A], repeat_while=lambda: False, max_rounds=0)


def test_callable_objects_and_partials_are_systems(app):
    log = []

    class Counter:
        def __call__(self, time: Res[Time]) -> None:
            log.append(time.tick)

    def add(amount: int, score: ResMut[Score]) -> None:
        score.value += amount

    app.insert_resource(Score()).add_systems(Update, Counter(), functools.partial(add, 3))
    app.update()
    assert log == [1]
    assert app.world.resource(Score).value == 3
    assert app.schedule(Update).graph().systems == ("Counter", "add")
    with pytest.raises(SystemParamError, match="is not called but added"):
        pipe(add, add)()
