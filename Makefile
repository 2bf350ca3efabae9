# Every command installs what it needs first (locked), so a fresh clone needs only Python 3.11+, Node 20+ and make.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: install test check compile demo prove devnet bench state-tests prove-state-tests fuzz model adversaries crashes raiden abi lock clean

# The Python files of scripts/ import packages of this repository.
export PYTHONPATH := $(CURDIR)

install: .venv/installed

.venv/installed: requirements.lock package-lock.json pyproject.toml $(wildcard toolchain/*)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing Python packages"
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.8 2>/dev/null \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock 2>/dev/null \
		|| $(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "installing node packages"
	@npm ci --no-progress --loglevel=error
	@$(BIN)/python toolchain/install_hooks.py
	@touch $@

demo: install
	@$(BIN)/python scripts/demo.py $(ARGS)

prove: install
	@$(BIN)/python scripts/prove.py $(ARGS)

devnet: install
	@$(BIN)/python scripts/devnet.py $(ARGS)

bench: install
	@$(BIN)/python -m bench $(ARGS)

# make state-tests DIR=path [FORK=Cancun]
FORK ?= Cancun
state-tests: install
	@$(BIN)/python -m tests.conformance.state_tests $(DIR) --fork $(FORK) $(ARGS)

# make prove-state-tests DIR=path [SAMPLE=n] [FORK=Cancun]
SAMPLE ?= 100
prove-state-tests: install
	@$(BIN)/python -m tests.conformance.prove_state_tests $(DIR) --fork $(FORK) --sample $(SAMPLE) $(ARGS)

# make fuzz [SECONDS=60]: random programs on four machines
SECONDS ?= 60
fuzz: install
	@$(BIN)/python -m tests.conformance.fuzz --seconds $(SECONDS) $(ARGS)

# make model [EXAMPLES=2000]: the dispute game against its model and its adversaries, and figures; games for stakes
EXAMPLES ?= 2000
model: install
	@TANDEM_MODEL_EXAMPLES=$(EXAMPLES) $(BIN)/pytest tests/model tests/unit/channels/test_match.py -m "slow or not slow" -q $(ARGS)
	@$(BIN)/python -m tests.model.sweep --plays $(EXAMPLES)

# The longer end-to-end tests: every lie, twenty false roots, censors, re-orgs in mid-game, floods of channels (about 20 minutes)
adversaries: install
	@$(BIN)/pytest tests/e2e -m slow -q $(CRASHES:%=--ignore %) --ignore tests/e2e/test_raiden_scenarios.py $(ARGS)

# kill -9 before and after each message of payments, refusals, withdrawals and games (about ten minutes)
CRASHES := tests/e2e/test_channel_crashes.py tests/e2e/test_channel_session_crashes.py
crashes: install
	@$(BIN)/pytest $(CRASHES) -m "slow or not slow" -q $(ARGS)

# Raiden's published scenarios, played by channel nodes (about three minutes); TANDEM_VECTORS says where they are
raiden: install
	@$(BIN)/pytest tests/e2e/test_raiden_scenarios.py -m "slow or not slow" -q $(ARGS)

# Export the ABIs that Python uses from the compiled contracts
abi: compile
	@$(BIN)/python toolchain/export_abi.py

compile: install
	@$(BIN)/ape compile

test: install
	@$(BIN)/ape test $(ARGS)

check: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# Static analysis of the contracts: docs/reference/slither.md has the answers
SLITHER := .cache/slither-venv
slither: install $(SLITHER)/installed
	@PATH="$(CURDIR)/toolchain:$$PATH" $(SLITHER)/bin/python toolchain/slither_archive.py .cache/slither
	@$(SLITHER)/bin/slither .cache/slither/contracts_export_archive.json --config-file slither.config.json $(ARGS)

$(SLITHER)/installed: toolchain/slither-requirements.txt
	@echo "installing slither"
	@$(PYTHON) -m venv $(SLITHER)
	@$(SLITHER)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

lock:
	@test -x $(BIN)/uv || ($(PYTHON) -m venv .venv && $(BIN)/pip install uv)
	$(BIN)/uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --no-emit-index-url requirements.in -o requirements.lock
	npm install --package-lock-only
	$(PYTHON) toolchain/complete_lock.py

clean:
	rm -rf .venv .build .cache node_modules devnet
