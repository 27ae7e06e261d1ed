# The few commands a person needs. Each sets up what it needs first; done once, that check takes a moment.

PYTHON ?= python3
ARGS ?=
WORKERS ?= 3
SEEDS ?= 100
DAYS ?= 2
FROM ?= 0
VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test quick sim sim-mutants boards-all bench lint lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup: ## everything a checkout needs, into a cache that clones share (ARGS none; PYTHON=python3.13 picks another)
	@$(PYTHON) -m host_tools.set_up

demo: setup ## a gateway, twelve meters and a head-end (BOARD=qemu_mps2: on the emulated board; ARGS="--help" lists more)
	@$(VENV) -m host_tools.demo $(if $(BOARD),--board $(BOARD)) $(ARGS)

test: setup ## every test, on both interpreters (ARGS go to pytest; WORKERS=0 runs one after the other)
	@$(VENV) -m pytest -n $(WORKERS) $(ARGS)

quick: setup ## every test that is not slow, under a minute
	@$(VENV) -m pytest -n 2 -m "not slow" $(ARGS)

sim: setup ## lives of the whole firmware on a virtual clock (SEEDS=100 DAYS=2 FROM=0; ARGS="--help" lists more)
	@$(VENV) -m tests.sim --seeds $(SEEDS) --days $(DAYS) --from $(FROM) $(ARGS)

sim-mutants: setup ## does each deliberate bug get caught by it? Prints the table
	@$(VENV) -m tests.sim --mutants --days 0.5 --from $(FROM) $(ARGS)

boards-all: setup ## what `make test` leaves out: every power cut, the demo on a board, the RP2040 image (half an hour; ARGS go to pytest)
	@$(PYTHON) -m host_tools.set_up.rp2040
	@$(VENV) -m pytest -o faulthandler_timeout=3600 tests/boards_all $(ARGS)

bench: setup ## ratios against the wire's own limit and against peers
	@$(VENV) -m tests.bench $(ARGS)

lint: setup ## style
	@$(VENV) -m ruff check .

lock: ## pin again, with hashes, after a change of pyproject.toml (needs uv)
	@uv pip compile --quiet --group tools --python-version 3.11 --universal --generate-hashes \
		--custom-compile-command 'make lock' --output-file host_tools/set_up/requirements.lock
