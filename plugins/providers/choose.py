"""Name a provider in one word, as the command line does."""

from __future__ import annotations

from tickwright.systems.generation.provider import Model, ProviderSetupError

__all__ = ["provider_named"]


def provider_named(name: str, *, model: str = "", key_env: str | None = None, window: int = 0) -> Model:
    """Return a model from one word: `extractive`, `local`, the path of a .gguf file, or a server's base URL.

    Args:
        name: the word.
        model: the model's name at the server; "default" if empty.
        key_env: the environment variable that holds the server's key.
        window: tokens of prompt and answer together; 0 takes the provider's own default.

    Raises:
        ProviderSetupError: a word that names none.

    >>> provider_named("extractive").name
    'extractive'
    """
    if name == "extractive":
        from tickwright.plugins.providers.extractive import Extractive

        return Model(name, Extractive(), window or 128_000, "o200k_base")
    if name == "local" or name.endswith(".gguf"):
        from tickwright.plugins.providers.local import LocalModel

        window = window or 2048
        return Model(name, LocalModel(None if name == "local" else name, window=window), window)
    if name.startswith(("http://", "https://")):
        from tickwright.plugins.providers.openai_compatible import OpenAICompatible

        return Model(model or "default", OpenAICompatible(name, key_env=key_env), window or 128_000)
    raise ProviderSetupError(
        f"no provider {name!r}", expected="extractive, local, the path of a .gguf file, or a URL such as http://host/v1"
    )
