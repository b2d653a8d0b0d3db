# make tune   install, then search on the embedded sample
# make test   install, then run all tests except the long ones (pytest -m slow)
# make lint   ruff and mypy
# make venv   install only; does nothing if up to date. EXTRAS=cluster,aws selects extras of pyproject.toml instead of `dev`
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done | head -1)
BIN := .venv/bin
EXTRAS ?= dev
STAMP := .venv/.installed-$(EXTRAS)

.PHONY: tune test lint venv

tune: venv
	$(BIN)/python cli.py tune kobart

# Tests without Ray run in parallel. Those with Ray do not: they measure time and share one Ray. Both halves always run,
# so that one run shows every failure.
test: venv
	@failed=; \
	$(BIN)/python -m pytest -m "not ray and not slow" --numprocesses 2 --dist loadscope || failed="without Ray"; \
	$(BIN)/python -m pytest -m "ray and not slow" || failed="$${failed:+$$failed, and }with Ray"; \
	test -z "$$failed" || { echo "make test: tests failed $$failed" >&2; exit 1; }

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

venv: $(STAMP)

# Installs again only if a version or a dependency changed. torch comes first and pinned: otherwise other packages
# install its newest build.
$(STAMP): constraints.txt pyproject.toml
	test -n "$(PYTHON)" || { echo "kotune needs Python 3.11 or newer: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing torch into .venv: up to 3 GB on Linux with its CUDA libraries, which takes minutes on a slow line"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	@echo "installing the other libraries (Ray, transformers, Optuna, W&B and what they need): about 1.5 GB on disk"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[$(EXTRAS)]"
	touch $(STAMP)
