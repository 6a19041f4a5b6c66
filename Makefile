# Every target does its own set-up: the first one you call builds .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo rehearsal rehearsal-full test test-all test-lowest test-faults test-faults-full lint format docs dist bench bench-gpu clean

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

# An environment of its own; what constraints-lowest.txt does not name is what pip takes.
.venv-lowest/.ready: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet -c constraints-lowest.txt -e '.[onnx,detect,video]' pytest hypothesis
	@touch $@

test-lowest: .venv-lowest/.ready ## the tests of the library's parts with the lowest versions that pyproject.toml allows
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest tests/config tests/metrics tests/samplers tests/datasets tests/model tests/commands/test_train.py

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## lets ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/.docs: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	@touch $@

docs: .venv/.docs ## README, docs/, the reference and the notebooks as a site in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.venv/.release: $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[release]'
	@touch $@

dist: .venv/.release ## wheel and sdist in dist/, and what a user does first with the wheel in a bare environment
	rm -rf build dist
	$(BIN)/python -m build
	$(PYTHON) -m venv build/bare
	build/bare/bin/pip install --quiet -c constraints.txt dist/*.whl
	cd build && bare/bin/landmark-train experiment=demo model=bb network.width=8 phases.scale=0.05 \
	  dataset.source.train=60 dataset.source.test=10 && bare/bin/landmark-report runs=runs

bench: $(READY) ## speed ratios, each against its rival in one process (minutes)
	$(BIN)/python -m benchmarks

bench-gpu: $(READY) ## the same on a CUDA device
	$(BIN)/python -m benchmarks --device cuda

clean: ## removes what the other targets made, but for runs and data
	rm -rf .venv .venv-lowest .demo .debug .rehearsal site build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
