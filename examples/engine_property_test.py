"""Demonstrates property tests of one's own systems over random worlds, and of a whole world against a model."""

import logging

from hypothesis import HealthCheck, given, settings

from tickwright import Mut, Query, World, component, f32
from tickwright.ecs_core import column
from tickwright.ecs_core.testing import WorldMachine, worlds


@component
class Account:
    balance: f32 = column(0.0, low=0, high=1000)


@component
class Frozen: ...


# the same draws every time, on slow machines too
SETTINGS = settings(
    max_examples=50, derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def pay_interest(accounts: Query[Mut[Account]]) -> None:
    for account in accounts:
        account.balance *= 1.5


@SETTINGS
@given(worlds((Account, Frozen), max_entities=8))
def test_nobody_loses(world: World) -> None:
    before = [row.balance for row in world.query(Query[Account]).rows()]
    pay_interest(world.query(Query[Mut[Account]]))
    after = [row.balance for row in world.query(Query[Account]).rows()]
    assert all(new >= old for old, new in zip(before, after, strict=True))


@SETTINGS
@given(worlds((Account, Frozen), max_entities=8))
def test_frozen_accounts_earn_nothing(world: World) -> None:
    pay_interest(world.query(Query[Mut[Account]]))  # wrong: it asks for all accounts
    for account, _ in world.query(Query[tuple[Account, Frozen]]).rows():
        assert account.balance == 0.0, f"{account} earned something"


test_nobody_loses()
print("nobody loses: holds")
try:
    test_frozen_accounts_earn_nothing()
except AssertionError as error:
    print("frozen accounts: fails,", str(error).splitlines()[0])

logging.disable(logging.WARNING)  # stale ids among the commands are part of the test
# random spawns, inserts, removals, writes, commands and restores, held against a plain dict of dicts
WorldMachine.TestCase.settings = settings(SETTINGS, max_examples=3, stateful_step_count=10)
WorldMachine.TestCase().runTest()  # in a test module: TestWorld = WorldMachine.TestCase
print("the engine against its model: holds")

# Output:
# nobody loses: holds
# frozen accounts: fails, Account(balance=1.5) earned something
# the engine against its model: holds
