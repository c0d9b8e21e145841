# On a machine with Python 3.11 and nothing else, start with `make demo` or `make test`.
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo force-fields example test test-torch test-s3 test-proxy test-slow lint up bench lock clean

demo: $(VENV)/demo-ready  ## Run the common job on embedded defaults and render a contact sheet
	$(BIN)/afmbatch demo

force-fields: $(VENV)/demo-ready  ## Image formic acid by all three force fields and render the images side by side
	$(BIN)/python -m examples.force_fields

example: $(VENV)/torch-ready  ## Train a small network on a stream of samples: takes minutes, and downloads PyTorch
	PYTHONPATH=$(VENV)/torch $(BIN)/python -m examples.train

test: lint  ## Run all checks and tests that .ci/run requires
	$(BIN)/pytest

test-torch: $(VENV)/test-ready $(VENV)/torch-ready  ## Run the tests that need PyTorch, a download of a gigabyte
	PYTHONPATH=$(VENV)/torch $(BIN)/pytest tests/torch

test-s3: $(VENV)/test-ready  ## Run the tests with an S3 bucket: needs Debian's swift-{proxy,account,container,object} and memcached
	$(BIN)/pytest tests/s3

test-proxy: $(VENV)/test-ready  ## Run the tests behind the proxy of docker-compose.yml: needs nginx
	$(BIN)/pytest tests/proxy

test-slow: $(VENV)/test-ready  ## Compare with every result of the folder $AFMBATCH_TRUTH, and upload a gigabyte: takes minutes
	$(BIN)/pytest tests/slow

lint: $(VENV)/test-ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

up: $(VENV)/demo-ready  ## Run Redis, the HTTP service and a worker on this machine
	$(BIN)/afmbatch up

bench: $(VENV)/bench-ready  ## Measure every stage, beside ppafm and the roofline: minutes (benchmarks/README.md)
	$(BIN)/python -W ignore -m benchmarks.kernels
	$(BIN)/python -m benchmarks.worker
	$(BIN)/python -m benchmarks.service
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.streaming
	$(BIN)/python -m benchmarks.client

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed: make PYTHON=python3.11"'
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo-ready: $(VENV)/bin/python requirements.txt requirements-linker.txt pyproject.toml client/pyproject.toml
	$(PIP) install --quiet --require-hashes --requirement requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable . --editable ./client
	$(BIN)/python -c 'import sys; from kernels.device.linker import system_links; sys.exit(not system_links())' \
		|| $(PIP) install --quiet --require-hashes --requirement requirements-linker.txt
	touch $@

$(VENV)/test-ready: $(VENV)/demo-ready requirements-dev.txt
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.txt
	touch $@

$(VENV)/torch-ready: $(VENV)/demo-ready
	$(PIP) install --quiet --upgrade --target $(VENV)/torch $(TORCH)
	touch $@

$(VENV)/bench-ready: $(VENV)/demo-ready benchmarks/requirements.txt
	$(PIP) install --quiet --require-hashes --requirement benchmarks/requirements.txt
	touch $@

lock: $(VENV)/bin/python  ## Pin the dependencies of both distributions again, by hash
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 pyproject.toml client/pyproject.toml --group build --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 pyproject.toml client/pyproject.toml --group build --group dev --constraint requirements.txt \
		--output-file requirements-dev.txt
	$(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --group bench --constraint requirements.txt --output-file benchmarks/requirements.txt
	echo ziglang | $(BIN)/uv pip compile --quiet --universal --upgrade --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --python-version 3.11 - --output-file requirements-linker.txt

clean:  ## Remove the environment and all output
	rm -rf $(VENV) build dist demo-output force-fields-output training-output
