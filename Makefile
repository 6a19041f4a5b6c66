# Every target does its own set-up: the first one you call builds .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo rehearsal rehearsal-full test test-all test-faults test-faults-full lint format bench bench-gpu clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(READY) ## the virtual environment in .venv, with everything that constraints.txt pins

demo: $(READY) ## four models on rendered faces, compared in .demo/report (minutes)
	$(BIN)/landmark-train -m model=non,nobb,bbo,bb experiment=demo data_dir=.demo/data runs_dir=.demo/runs
	$(BIN)/landmark-report runs=.demo/runs output=.demo/report

rehearsal: $(READY) ## the paper's grid on rendered copies of 300W, AFLW and WFLW, compared in .rehearsal/report (minutes)
	rm -rf .rehearsal
	for dataset in 300w aflw wflw; do \
	  $(BIN)/python -m landmark_lightning.datasets.synthetic .rehearsal/$$dataset $$dataset --faces 200 && \
	  $(BIN)/landmark-prepare dataset=$$dataset dataset.root=.rehearsal/$$dataset dataset.protocol=null data_dir=.rehearsal/data \
	    || exit 1; \
	done
	$(BIN)/landmark-train -m model=non,nobb,bbo,bb dataset=300w,aflw,wflw network=small augmentation=mild phases.scale=0.1 data_dir=.rehearsal/data runs_dir=.rehearsal/runs
	$(BIN)/landmark-report runs=.rehearsal/runs output=.rehearsal/report

rehearsal-full: $(READY) ## six cells and the report at the size of the real datasets (a quarter of an hour)
	$(BIN)/python -m pytest -m slow -s tests/commands/test_rehearsal_full.py

test: $(READY) ## the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

test-all: $(READY) ## the tests and the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m ''

test-faults: $(READY) ## kills, flipped bits, full disks and hostile inputs: a tenth of them (a quarter of an hour)
	FAULTS=0.1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m faults

test-faults-full: $(READY) ## all of them (hours)
	FAULTS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m faults

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## lets ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## speed ratios, each against its rival in one process (minutes)
	$(BIN)/python -m benchmarks

bench-gpu: $(READY) ## the same on a CUDA device
	$(BIN)/python -m benchmarks --device cuda

clean: ## removes what the other targets made, but for runs and data
	rm -rf .venv .demo .rehearsal build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
