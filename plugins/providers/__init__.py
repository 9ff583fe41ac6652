"""Models for generation: scripted, extractive, any OpenAI-compatible server, and a local model.

Each adapter loads when it is first named, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickwright.plugins.providers.choose import provider_named
    from tickwright.plugins.providers.extractive import Extractive
    from tickwright.plugins.providers.local import LocalModel
    from tickwright.plugins.providers.openai_compatible import OpenAICompatible
    from tickwright.plugins.providers.scripted import Answer, Scripted
    from tickwright.plugins.providers.virtual_time import run_in_virtual_time

__all__ = [
    "Answer",
    "Extractive",
    "LocalModel",
    "OpenAICompatible",
    "Scripted",
    "provider_named",
    "run_in_virtual_time",
]

_MODULES = {
    "Answer": "scripted",
    "Extractive": "extractive",
    "LocalModel": "local",
    "OpenAICompatible": "openai_compatible",
    "Scripted": "scripted",
    "provider_named": "choose",
    "run_in_virtual_time": "virtual_time",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
