# Each target is one call into code; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help up preview rehearse down status logs session reconcile kill rearm test test-slow test-debug test-e2e soak fuzz bench bench-gate engine backtest fmt lint

STACK ?= local
PYTHON ?= python3
CLI = $(PYTHON) -m cli --stack "$(STACK)" $(if $(CONFIG),--config-file "$(CONFIG)")

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## set up what is missing, start the platform, show that it trades
	@$(CLI) up

preview: ## what `up` would change
	@$(CLI) preview

rehearse: ## cloud stack against a stand-in cloud: up, empty preview, destroy (STACK=dev|prod)
	@$(CLI) rehearse

down: ## stop everything, keep the data (DELETE_DATA=1: delete it too)
	@$(CLI) down $(if $(DELETE_DATA),--delete-data)

status: ## every service, its gates, where to reach it
	@$(CLI) status

logs: ## last log lines (SERVICE=name: of one service)
	@$(CLI) logs $(if $(SERVICE),"$(SERVICE)")

session: ## replay a session and report (REPLAY=file.csv.gz SPEED=max|1|N)
	@$(CLI) session $(if $(REPLAY),--replay "$(REPLAY)") $(if $(SPEED),--speed "$(SPEED)")

reconcile: ## venue ledger against the OMS database, order by order
	@$(CLI) reconcile

kill: ## cancel everything, refuse new orders until re-armed (REASON="why")
	@$(CLI) kill --reason "$$REASON"

rearm: ## clear a kill, after a look at why (REASON="why")
	@$(CLI) rearm --reason "$$REASON"

engine: ## the engine with your strategies in it, and its bundle for trading hosts (STRATEGIES=folder: remembered; none: forgotten)
	@$(PYTHON) -m cli engine $(if $(STRATEGIES),--strategies "$(STRATEGIES)")

backtest: ## a strategy by the engine's own code (STRATEGY=module:Class REPLAY=file OUT=folder ARGS="more options")
	@$(PYTHON) -m cli backtest --strategy "$(STRATEGY)" $(if $(REPLAY),--replay "$(REPLAY)") $(if $(OUT),--out "$(OUT)") $(if $(ARGS),-- $(ARGS))

test: ## unit level, under a minute
	@$(PYTHON) -m cli test

test-slow: ## real Pulumi engine, servers killed, reproducible build
	@$(PYTHON) -m cli test --slow

test-debug: ## engine tests on a debug build (SANITIZE=1: AddressSanitizer and UBSan, too)
	@$(PYTHON) -m cli test --debug $(if $(SANITIZE),--sanitize) $(if $(ARGS),-- $(ARGS))

test-e2e: ## the platform up, a session, faults, down
	@$(PYTHON) -m cli test --e2e

soak: ## a billion messages from process to process, each compared (MESSAGES=1000000000)
	@RING_SOAK_MESSAGES="$(or $(MESSAGES),1000000000)" $(PYTHON) -m cli test --slow -- hotpath/tests/ipc/test_ring_soak.py

fuzz: ## fuzz every decoder, guided by coverage (FUZZ_SECONDS=60 each, SANITIZE=1, KEEP=1: grow the corpus in the repository)
	@$(PYTHON) -m cli fuzz $(if $(FUZZ_SECONDS),--seconds $(FUZZ_SECONDS)) $(if $(SANITIZE),--sanitize) $(if $(KEEP),--keep)

bench: ## measure the engine into docs/benchmarks/ (QUICK=1: briefly, ONLY=name: into .ironlane/bench/, PEERS=1: install rivals)
	@$(PYTHON) -m cli bench $(if $(QUICK),--quick) $(if $(PEERS),--peers) $(foreach name,$(ONLY),--only "$(name)")

bench-gate: ## instructions per operation, failing 5 % above the baseline (UPDATE=1: the new baseline, SLOWDOWN=1: must fail)
	@$(PYTHON) -m cli bench-gate $(if $(UPDATE),--update) $(if $(SLOWDOWN),--slowdown)

fmt: ## format the code
	@$(PYTHON) -m cli fmt

lint: ## ruff and strict types
	@$(PYTHON) -m cli lint
