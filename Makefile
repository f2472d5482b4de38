# Needs python3 (3.11 or newer) and make, nothing else. The first target makes the environment in .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Arguments for `make serve`, `make test`, `make chaos` and `make bench`, such as: make serve ARGS="--port 9000"
ARGS ?=
# Many tests wait for something, so that there may be more of them at once than cores.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(max(2, (os.cpu_count() or 1) * 2))")
AT_ONCE := -n $(WORKERS) --dist worksteal -m "not long"
# Tests of what no coverage is asked of: to watch each of their lines would take half as long again.
UNMEASURED := benchmarks browser canary chaos cli delivery deploy docs preview sandbox web

.PHONY: serve test long check docs lock chaos bench clean

serve: $(READY)
	$(BIN)/python -m container serve --demo $(ARGS)

test: $(READY)
	$(BIN)/pytest $(AT_ONCE) $(ARGS)

# What wears something out: it takes minutes, and finds what many tries find.
long: $(READY)
	$(BIN)/pytest -m long $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest $(AT_ONCE) $(addprefix --ignore=tests/,$(UNMEASURED)) --cov --cov-report=term-missing
	$(BIN)/pytest $(AT_ONCE) $(addprefix tests/,$(UNMEASURED))
	$(BIN)/python -m container schema > .venv/container.schema.json
	diff -u container.schema.json .venv/container.schema.json || { echo "container.schema.json is stale: run make docs."; exit 1; }
	rm -rf .venv/reference && $(BIN)/python -m container docs .venv/reference
	diff -ur docs/reference .venv/reference || { echo "docs/reference is stale: run make docs."; exit 1; }
	for file in container.yaml docs/examples/*.yaml; do \
		$(BIN)/python -m container validate $$file && $(BIN)/python -m container test $$file || exit 1; \
	done

# What is generated from the code and kept in the repository.
docs: $(READY)
	$(BIN)/python -m container schema > .venv/container.schema.json
	cp .venv/container.schema.json container.schema.json
	$(BIN)/python -m container docs docs/reference

lock: $(READY)
	$(BIN)/pip-compile --extra dev --extra postgres --generate-hashes --allow-unsafe --no-strip-extras --upgrade --quiet \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate --no-header \
		--output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --extra otel --constraint requirements.lock --generate-hashes --allow-unsafe --no-strip-extras --upgrade --quiet \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate --no-header \
		--output-file requirements.otel.lock pyproject.toml

# Kills a server 200 times under load, and once at each step of a hit and of a delivery. `make check` has a short form.
chaos: $(READY)
	$(BIN)/python -m tests.chaos.run --kills 200 --rate 500 --failpoints all $(ARGS)

# The stand-in in Node is measured beside us when its packages can be installed: better-sqlite3 may need a compiler.
bench: $(READY)
	@if command -v npm >/dev/null && [ ! -d benchmarks/fastify/node_modules ]; then \
		npm ci --prefix benchmarks/fastify --no-audit --no-fund --silent || rm -rf benchmarks/fastify/node_modules; \
	fi
	@for name in in_process tags load ingest overload delivery; do $(BIN)/python -m benchmarks.$$name $(ARGS) || exit 1; done

clean:
	rm -rf .venv *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The second file is what spans for OpenTelemetry need besides: nothing else has it.
$(READY): requirements.lock requirements.otel.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo "Python's venv module is needed: install the package python3-venv."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements.lock --requirement requirements.otel.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
