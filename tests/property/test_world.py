"""The storage against the plain-Python model, by random operations."""

from hypothesis import settings

from tickwright.ecs_core.testing import WorldMachine

TestWorld = WorldMachine.TestCase
TestWorld.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
