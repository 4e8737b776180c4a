# Everything is made with python3, pip, make and git alone; the environment is .venv in this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help test fast lint format demo bench trust stops picture docs corpus matrix clean
.DEFAULT_GOAL := help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --without-pip, and the pip of the machine, where Debian's ensurepip is missing.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m venv --without-pip --clear $(VENV)
	@if [ -x $(BIN)/pip ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo,test]'; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[demo,test]'; fi
	@touch $@

test: lint  ## the whole test suite, lint and types
	$(BIN)/python -m pytest -q -n 3

fast: $(VENV)/installed  ## the unit tests only, under a minute
	$(BIN)/python -m pytest -q -n 2 tests/unit

lint: $(VENV)/installed  ## ruff, radon, mypy, and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tests/docs/complexity.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(VENV)/installed  ## let ruff fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

demo: $(VENV)/installed  ## a scratch project gets Celery, and a real worker runs a task
	@rm -rf demo
	@$(BIN)/celeryize demo --keep demo

bench: $(VENV)/installed  ## our commands beside their peers, as ratios
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m tests.bench.bench $(BENCH)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m tests.bench.reload

trust: $(VENV)/installed  ## failures, edits and hostile input by the thousand: what was tried, what was lost
	@$(BIN)/python tests/trust/run.py $(TRUST)

stops: $(VENV)/installed  ## what each kind of stop does to a running task, with Redis and RabbitMQ
	@$(BIN)/python tests/stops/run.py $(STOPS)

picture: $(VENV)/installed  ## docs/init.svg and init.txt, from a real run with its questions
	$(BIN)/python -m tests.docs.picture

$(VENV)/docs: $(VENV)/installed
	@if [ -x $(BIN)/pip ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'; \
	else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[docs]'; fi
	@touch $@

docs: $(VENV)/docs  ## the documentation site, in build/site; a dead link fails
	@$(BIN)/python -m tests.docs.site

corpus: $(VENV)/installed  ## init, init again and undo on a copy of each project in DIR=...
	$(BIN)/python tests/corpus/run.py $(DIR)

matrix: $(VENV)/installed  ## the whole program with each Python, Celery and Django that can be had here
	$(BIN)/python tests/matrix/run.py $(PYTHONS)

clean:  ## remove the environment and what was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
