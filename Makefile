# Everything a fresh machine with Python and git needs: `make demo`, then `make test`.
# Works with GNU make 3.81, which is what macOS has.

# The first Python on the path that is new enough; `make PYTHON=/path/to/python3.12 demo` overrules.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo lab screenshots test test-slow bench check fix docs front-end clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

demo: $(READY) ## fine-tune a model on real images and print what came of it
	$(BIN)/python -m nbfinetune.demo

test: front-end ## run the test suite (without the slow tests)
	$(BIN)/python -m pytest -m "not slow"

test-slow: front-end ## run the slow tests
	$(BIN)/python -m pytest -m slow -rP

bench: front-end ## race fastai, Lightning, Hugging Face and others; BENCH=--quick for a look
	$(BIN)/python benchmarks/bench_peers.py $(BENCH)

lab: front-end ## open JupyterLab on the quickstart
	$(BIN)/jupyter lab notebooks/01_quickstart.ipynb

screenshots: front-end ## take pictures of the surface in both themes and three widths
	$(BIN)/python scripts/screenshots.py

check: $(READY) ## lint, format and types, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python js/frontend.py check

fix: $(READY) ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write what the docs take from the code anew (tables, file tree)
	$(BIN)/python tests/pages.py

front-end: $(READY) ## bundle the widgets' TypeScript where it is stale
	$(BIN)/python js/frontend.py

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		js/node_modules nbfinetune/widgets/static

# One environment for everything; made again when pyproject.toml changes.
$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "nbfinetune needs Python 3.10 or later and found none on the path; install one (python.org, brew, apt) or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is older than Python 3.10, which nbfinetune needs; name a newer one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) can't make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -e ".[dev]"
	@touch $@
