# Two commands do everything: `make demo` and `make test`. Each sets up what it needs first.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
TORCH ?= cuda# or cpu: without CUDA's 4 GB, from PyTorch's own index
ARGS ?=# targets and options for Snakemake, such as --configfile config/haim2022-mnist.yaml

LONG ?=# anything: run the published settings to their end
CIFAR ?=# NPZ or HDF5 of CIFAR-10's images and labels, for benchmarks
MNIST ?=# folder of MNIST/raw, for benchmark-gpu
FOLDER ?= benchmark-gpu# where benchmark-gpu leaves its tables and pictures
PAPER_SIZE = $(if $(CIFAR),--cifar $(CIFAR) --per-label 250 --hidden 1000 1000)

VENV := .venv
IMAGE := envs/reconstruction.sif
UV := VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv
INSTALL := $(UV) pip install --quiet --compile-bytecode --require-hashes
COMPILE := $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header
WITHOUT_TORCH := awk '/^[a-z]/ {keep = !/^((torch|torchvision|triton)=|nvidia-|cuda-)/} keep'
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help demo estimate status watch prune test test-slow test-cluster image benchmark benchmark-gpu lint requirements \
  schema clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## set up, run the workflow and show its table (ARGS=... for Snakemake)
	@python -m reconstruction run -- $(ARGS)
	@[ ! -e results/table.csv ] || python -m reconstruction show results
	@[ ! -e results/index.html ] || echo "open results/index.html"

status: $(VENV)/installed ## how far the experiments are, while they run (ARGS=... as for demo)
	@python -m reconstruction status $(ARGS)

watch: $(VENV)/installed ## the same, live until all is made
	@python -m reconstruction status --watch $(ARGS)

estimate: $(VENV)/installed ## say what a sweep will take on this machine (ARGS="--configfile mine.yaml")
	python -m reconstruction estimate $(ARGS)

prune: $(VENV)/installed ## free the disk of merged shards (ARGS="results/DATASET/MODEL/SWEEP", --dry-run to look first)
	python -m reconstruction prune $(ARGS)

test: lint ## set up, lint, check types and run the fast tests
	pytest

test-slow: $(VENV)/installed-dev ## run the slow tests
	pytest -m slow

test-cluster: $(VENV)/installed-dev ## bring up SLURM and Apptainer (root on Debian 12) and try their faults
	@if [ "$$(id -u)" = 0 ] && grep -qs '^12' /etc/debian_version; then pytest -m cluster --durations 0; \
	else echo "test-cluster: skipped, for it brings up SLURM and Apptainer as root on Debian 12"; fi

image: ## build envs/reconstruction.sif with Apptainer, for --sdm apptainer
	@command -v apptainer > /dev/null || { echo "image: Apptainer is missing; Docker or podman build the same by" \
	  "docker build --tag reconstruction --file envs/Containerfile envs"; exit 1; }
	apptainer build $(IMAGE) envs/reconstruction.def

benchmark: $(VENV)/installed ## measure speed, quality and memory (CIFAR=file.npz: at the paper's size, LONG=1: for hours)
	python benchmarks/iteration.py
	python benchmarks/batching.py
	python benchmarks/memory.py
	python benchmarks/scale.py $(if $(LONG),--candidates 10000 100000 1000000)
	python benchmarks/training.py $(PAPER_SIZE)
	python benchmarks/hits.py $(PAPER_SIZE) $(if $(LONG),--long)

benchmark-gpu: $(VENV)/installed ## measure what a GPU changes, in eight minutes, into FOLDER (CIFAR=file.npz for all of it)
	python benchmarks/gpu.py $(FOLDER) $(if $(CIFAR),--cifar $(CIFAR)) $(if $(MNIST),--mnist $(MNIST))

lint: $(VENV)/installed-dev
	ruff check .
	ruff format --check .
	snakefmt --check .
	snakemake --lint
	mypy

requirements: $(VENV)/uv ## compile envs/*.in to pinned, hash-checked envs/*.txt
	$(COMPILE) envs/uv.in -o envs/uv.txt
	$(COMPILE) envs/requirements.in -o envs/requirements.txt
	$(COMPILE) envs/requirements-dev.in -c envs/requirements.txt -o envs/requirements-dev.txt

schema: $(VENV)/installed ## write the configuration's JSON schema anew
	python -m reconstruction schema > workflow/schemas/configuration.schema.json

clean: ## remove the virtual environment (results stay)
	rm -rf $(VENV)

$(VENV)/uv: envs/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or 3.12 is needed; name one: make PYTHON=/path/to/python3.11" if sys.version_info[:2] not in ((3, 11), (3, 12)) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes -r envs/uv.txt
	touch $@

$(VENV)/installed: $(VENV)/uv envs/requirements.txt pyproject.toml
	@echo "installing PyTorch ($(TORCH)) and the rest into $(VENV), a few minutes the first time"
ifeq ($(TORCH),cpu)
	$(WITHOUT_TORCH) envs/requirements.txt > $(VENV)/requirements-cpu.txt
	$(INSTALL) --no-deps -r $(VENV)/requirements-cpu.txt
	$(UV) pip install --quiet --compile-bytecode --torch-backend cpu $$(grep -oE '^(torch|torchvision)==[0-9.]+' envs/requirements.txt)
else
	$(INSTALL) -r envs/requirements.txt
endif
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed envs/requirements-dev.txt
	$(WITHOUT_TORCH) envs/requirements-dev.txt > $(VENV)/requirements-dev.txt
	$(INSTALL) --no-deps -r $(VENV)/requirements-dev.txt
	touch $@
