# make            the development environment, in .venv
# make test       the quick tests; make test-slow the others
# make test-faults those that break something on purpose, quick and slow
# make lint       format, style, types, import contracts, words
# make demo       the whole way on simulated participants, into demo/
# make docs       the documentation as a site, into build/docs
# make bench      speed and memory; make bench ARGS=--full for all of it, at full size
# make dist       a source distribution and a wheel, into dist/
# make lock       the lock files again, after a change of dependencies in pyproject.toml

PYTHON  ?= python3
WORKERS ?= 2
ARGS    ?=

VENV   := .venv
BIN    := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY  := $(VENV)/.ready
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest
COMPILE = UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	--no-header --no-annotate --python-version 3.11 pyproject.toml

.PHONY: venv check-python demo dist docs bench test test-slow test-faults lint lint-style lint-format lint-types lint-imports lint-words lock clean
.DELETE_ON_ERROR:

venv: $(READY)

check-python:
	@command -v "$(PYTHON)" > /dev/null || { \
	  echo "There is no '$(PYTHON)' here. Install Python 3.11 to 3.13, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "'$(PYTHON)' is $$("$(PYTHON)" --version 2>&1), but 3.11 to 3.13 is needed. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# A changed lock builds the environment anew, so that nothing it dropped stays behind.
$(LOCKED): requirements-dev.txt | check-python
	"$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# This compiles the C code, too, and again if the libraries are gone.
ifeq ($(wildcard fcnm_bids/kernels/*.so),)
.PHONY: $(READY)
endif
$(READY): $(LOCKED) pyproject.toml version build_kernels.py $(wildcard fcnm_bids/kernels/*.c)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	$(BIN)/python -m fcnm_bids.cli.demo --output demo

docs: $(READY)
	rm -rf build/docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet \
	  -E -b html -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

test: $(READY)
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m "not slow" $(ARGS)

test-slow: $(READY)
	$(PYTEST) -n $(WORKERS) --dist loadfile -m "slow and not faults" $(ARGS) || [ $$? = 5 ]  # 5: there is none

test-faults: $(READY)
	$(PYTEST) -n $(WORKERS) --dist loadfile -m faults $(ARGS)

lint: lint-style lint-format lint-types lint-imports lint-words

lint-style: $(READY)
	$(BIN)/ruff check .

lint-format: $(READY)
	$(BIN)/ruff format --check .

lint-types: $(READY)
	$(BIN)/mypy

lint-imports: $(READY)
	$(BIN)/lint-imports

lint-words: $(READY)
	$(BIN)/python -m pytest -q --no-header tests/docs/test_terms.py

dist: $(READY)
	$(BIN)/python -m hatchling build --directory dist

lock: $(READY)
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra dev --constraint requirements.txt --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache fcnm_bids/kernels/*.so
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
