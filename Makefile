# One command sets up and runs a diagnosis (`make run`), one sets up and passes the tests (`make test`).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test test-vllm check bench lock clean

run: $(READY)
	@rm -rf .cache/example
	@$(BIN)/patchwright example .cache/example
	$(BIN)/patchwright diagnose .cache/example --good v1.2.0 --out .cache/example-report

# More processes than cores: for nearly half of their time the tests wait. Each takes its tests in their order, for what
# a file's tests share, and half of what another one has left when it is done.
JOBS ?= 3

# Tests that look for their processes on the whole machine or for all of ours that an engine has, and those that starve
# others or would be starved by them, run after the others, in one process.
ALONE := tests/contract/test_sandbox.py tests/contract/test_isolation.py tests/contract/test_docker.py \
	tests/contract/test_docker_images.py tests/acceptance/test_killed.py tests/acceptance/test_service_chaos.py \
	tests/contract/test_search_hostile.py tests/acceptance/test_hostile.py

# A real vLLM on the CPU takes minutes to install and to start: last, and as a job of its own.
VLLM := tests/contract/test_real_vllm.py tests/contract/test_real_vllm_start.py

test: $(VENV)/.dev
	sh deploy/test-parts.sh
	sh tests/guarded.sh $(BIN)/python -m pytest -n $(JOBS) --dist worksteal \
	  $(addprefix --ignore ,$(ALONE) $(VLLM))
	sh tests/guarded.sh $(BIN)/python -m pytest $(ALONE)
	$(MAKE) test-vllm

test-vllm: $(VENV)/.dev
	sh deploy/test-vllm.sh
	sh tests/guarded.sh $(BIN)/python -m pytest $(VLLM)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	sh deploy/test-parts.sh
	sh tests/benchmarks/run.sh

lock: $(VENV)/.dev
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --group dev --group bench -c requirements.lock pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --extra otel -c requirements-dev.lock pyproject.toml -o deploy/service/requirements.lock

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: $(READY) requirements-dev.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf $(VENV) .cache build *.egg-info
