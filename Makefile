# Needs Python 3.11 or newer and make; everything else is brought in. See README.md.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Where it is set, every process would compile torch's own code anew, for 10 s.
unexport PYTHONDONTWRITEBYTECODE
STAMP := .venv/.ready-$(shell cksum pyproject.toml | cut -d' ' -f1)

.PHONY: demo app test test-fast test-any-machine lint docs screenshots clean
.DEFAULT_GOAL := demo

demo: $(STAMP)  ## compute the demo on embedded data and open the dashboard
	$(BIN)/curation demo

app: $(STAMP)  ## open the dashboard
	$(BIN)/curation app

test: $(STAMP) lint  ## format, lint, types, then every test
	$(BIN)/python -m pytest

test-fast: $(STAMP)  ## without the slow tests and without a browser, for daily work
	$(BIN)/python -m pytest -m "not slow and not browser"

test-any-machine: $(STAMP)  ## every test as on four machines: with and without bfloat16, on busy cores, as it is
	tests/any_machine.sh

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/deno fmt --check
	$(BIN)/deno lint
	$(BIN)/deno check pages/ui/components/web/*.js

docs: $(STAMP)  ## write the table of plug-ins
	$(BIN)/python -m curation.registries > docs/plugins.md

screenshots: $(STAMP)  ## remake the README's pictures from the running app
	$(BIN)/python -m benchmarks.screenshots

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or run: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "cannot make .venv; on Debian: apt install python3-venv"; exit 1; }
	@command -v uv >/dev/null 2>&1 || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@uv=$$(command -v uv || echo $(BIN)/uv); $$uv pip install --quiet --python $(BIN)/python -e '.[test]'
	@rm -f .venv/.ready-*; touch $@

clean:  ## remove the environment and everything computed
	rm -rf .venv exports
	find cache -mindepth 1 -not -name README.md -delete
