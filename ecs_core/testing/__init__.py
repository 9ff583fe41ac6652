"""Property tests of worlds: strategies for components and worlds, a plain-Python model, a state machine over both.

>>> from tickwright.ecs_core.testing import WorldMachine
>>> TestWorld = WorldMachine.TestCase  # pytest and unittest run it
"""

from tickwright.ecs_core.testing.machine import WorldMachine
from tickwright.ecs_core.testing.model import ModelWorld
from tickwright.ecs_core.testing.strategies import component_classes, component_values, worlds

__all__ = ["ModelWorld", "WorldMachine", "component_classes", "component_values", "worlds"]
