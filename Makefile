# Every command of this project. `make help` lists them; each first installs what it needs and is missing.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON_BIN := .venv/bin/python
RUN_TESTS := $(PYTHON_BIN) tools/run_tests.py

.PHONY: help
help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

.PHONY: demo
demo: lab-tools ## A real cluster in the lab: deploy, split, failover, second run; figures in build/demo.json
	@$(PYTHON_BIN) -m lab.demo

.PHONY: test
test: lab-tools ## Everything: lint, unit tests, Molecule scenarios on the lab (KEEP_LAB=1 leaves it up; MINUTES=84: what ends in time)
	@$(RUN_TESTS) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: lint
lint: venv ## ansible-lint (production profile), yamllint, ruff, mypy strict, shellcheck
	@$(RUN_TESTS) lint

.PHONY: unit
unit: venv ## Unit and rendering tests, and playbooks on pretended hosts: no node needed, minutes
	@$(RUN_TESTS) unit

.PHONY: bench
bench: venv ## Measure plan and controller, minutes long: figures in build/bench.json (BENCH="--runs 1" for a quick look)
	@nice $(PYTHON_BIN) -m bench $(BENCH)

# Not part of bench: it takes the lab, and puts its own nodes there.
.PHONY: bench-datapath
bench-datapath: lab-tools ## Measure DR, TUN, NAT, routing and HAProxy in the lab: ratios in build/bench-datapath.json
	@$(PYTHON_BIN) -m bench datapath $(BENCH)

# Neither is this.
.PHONY: bench-deploy
bench-deploy: lab-tools ## Measure our first and converged deployments against plain tasks in the lab: ratios in build/bench-deploy.json
	@$(PYTHON_BIN) -m bench deploy $(BENCH)

.PHONY: scenario
scenario: lab-tools ## One Molecule scenario on the lab, with its whole output: make scenario S=default
	@test -n "$(S)" || { echo "which scenario? make scenario S=NAME, of: $$(ls molecule | grep -v '^shared$$' | xargs)" >&2; exit 2; }
	@KEEP_LAB=1 $(RUN_TESTS) --verbose --scenario "$(S)"

.PHONY: lab-up
lab-up: lab-tools ## Bring the lab up, with the nodes of inventories/lab
	@$(PYTHON_BIN) -m lab up

.PHONY: lab-down
lab-down: venv ## Take the lab down: nodes and guest
	@$(PYTHON_BIN) -m lab down

.PHONY: lab-status
lab-status: venv ## The lab's nodes, their addresses and health
	@$(PYTHON_BIN) -m lab status

.PHONY: lab-ssh
lab-ssh: venv ## A shell on a node: make lab-ssh N=lb1
	@test -n "$(N)" || { echo "which node? make lab-ssh N=NAME; make lab-status lists them" >&2; exit 2; }
	@$(PYTHON_BIN) -m lab ssh "$(N)"

.PHONY: venv
venv: ## Install what is missing: Debian packages (as root) and .venv
	@tools/bootstrap

# The same, with what the lab needs on this machine.
.PHONY: lab-tools
lab-tools:
	@tools/bootstrap --lab

.PHONY: clean
clean: ## Remove build/, .venv and caches in this tree (the lab's images stay in its cache)
	rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .ansible
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
