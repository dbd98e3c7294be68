# make demo    set up, then run the workflow on the demo's media (CPU, a few minutes)
# make test    set up, then run the tests
# make lint    format, style, types, Snakemake's own checks
# make setup   only the environment, in $(VENV)
# make install-profile  make `snakemake --profile slurm` work for this user (docs/slurm.md)
# make test-speed       time a threshold change and a what-if; fails when they are too slow
# make test-slurm       run the tests of the profile on a Slurm that they start themselves (root)
# make setup-whisperx  WhisperX's own environment (8 GB), in $(WHISPERX_VENV)
# make test-whisperx   set that up, then run the engine on real speech
# make env-KIND      an environment for one kind of work (envs/KIND.txt), in $(VENV)-KIND
#
# For machines without internet, on one that has it and the same Python and platform:
# make wheels        every package that setup installs, as wheels in $(WHEELS)
# make wheels-KIND   every package that env-KIND installs
# make prefetch CONFIG=my.yaml   setup, wheels, and the models that a run needs
#
# TORCH=cuda         the CUDA builds of torch and onnxruntime, for GPU machines
# TORCH_INDEX=URL    an index of torch builds to take torch from
# PYTHON=python3.12  the Python to use (3.11 or newer)
# OFFLINE=1          install from $(WHEELS) alone

VENV ?= .venv
WHISPERX_VENV ?= .venv-whisperx
PYTHON ?= python3
TORCH ?= cpu
TORCH_INDEX ?=
CORES ?= 2
WHEELS ?= wheels
OFFLINE ?=
CONFIG ?=

BIN := $(VENV)/bin
PY := $(BIN)/python
UV := $(shell command -v uv 2> /dev/null)
REQUIREMENTS := envs/workflow.txt envs/lm.txt envs/vlm.txt envs/asr.txt envs/asd.txt
# uv looks for local wheels where pip does.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

# One release for the CPU, so that everyone computes the same; any recent one on GPUs.
TORCH_cpu := torch==2.13.0
TORCH_cuda := torch>=2.7,<3
TORCH_SPEC := $(TORCH_$(TORCH))
$(if $(TORCH_SPEC),,$(error TORCH=$(TORCH): must be cpu or cuda))
# Takes the place of the CPU build on GPU machines.
ONNXRUNTIME_cuda := onnxruntime-gpu>=1.20,<2
ONNXRUNTIME := $(ONNXRUNTIME_$(TORCH))

# Installs into the environment of a Python: $(call install,PYTHON) PACKAGE...
SOURCE := $(if $(OFFLINE),--no-index --find-links $(WHEELS))
ifeq ($(UV),)
install = $(1) -m pip install --quiet $(SOURCE)
else
install = uv pip install --quiet --compile-bytecode --python $(1) $(SOURCE)
endif
INSTALL := $(call install,$(PY))
# Builds and collects wheels: what is published as source needs no compiler offline.
COLLECT := $(PY) -m pip wheel --quiet --wheel-dir $(WHEELS) \
  $(addprefix --find-links ,$(WHEELS) $(PIP_FIND_LINKS))
TORCH_FROM := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))

.PHONY: setup setup-dev setup-whisperx install-profile test test-speed test-slurm test-whisperx lint demo clean wheels prefetch

setup: $(VENV)/.setup-$(TORCH)

setup-dev: $(VENV)/.setup-dev

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; say which Python to use: make PYTHON=python3.12"; exit 1; }
	@echo "Making the environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.setup-$(TORCH): $(PY) envs/base.txt $(REQUIREMENTS) Makefile
	@echo "Installing ($(if $(UV),uv,pip), torch for $(TORCH)); takes some minutes the first time"
	@$(INSTALL) $(if $(OFFLINE),,$(TORCH_FROM)) '$(TORCH_SPEC)'
	@$(INSTALL) '$(TORCH_SPEC)' $(addprefix -r ,$(REQUIREMENTS))
ifneq ($(ONNXRUNTIME),)
	@$(PY) -m pip uninstall --quiet --yes onnxruntime
	@$(INSTALL) '$(ONNXRUNTIME)'
endif
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup-$(TORCH) envs/dev.txt
	@$(INSTALL) -r envs/dev.txt
	@touch $@

# The stem is the kind; its requirements choose their own torch.
env-%: envs/%.txt envs/base.txt $(PY)
	@$(PYTHON) -m venv $(VENV)-$*
	@$(call install,$(VENV)-$*/bin/python) -r $<
	@echo "$(abspath $(VENV)-$*/bin/python) (a value for environments: in your configuration)"

wheels: $(PY)
	@$(COLLECT) $(TORCH_FROM) '$(TORCH_SPEC)'
	@$(COLLECT) '$(TORCH_SPEC)' $(if $(ONNXRUNTIME),'$(ONNXRUNTIME)') $(addprefix -r ,$(REQUIREMENTS))

wheels-%: envs/%.txt envs/base.txt $(PY)
	@$(COLLECT) -r $<

ifneq ($(filter prefetch,$(MAKECMDGOALS)),)
$(if $(CONFIG),,$(error say which run it is for: make prefetch CONFIG=my.yaml))
endif
prefetch: setup wheels
	@$(BIN)/snakemake --workflow-profile profiles/local --configfile $(CONFIG) \
	  --cores $(CORES) fetch_models

demo: setup
	@touch $(VENV)/.demo-began
	@$(BIN)/snakemake --workflow-profile profiles/demo --cores $(CORES)
	@# A run that had something to do has printed it.
	@[ results/demo/summary.txt -nt $(VENV)/.demo-began ] || cat results/demo/summary.txt

test: setup-dev
	@$(BIN)/pytest -n 2 --dist worksteal --durations=20

# With nothing beside it, because these are times by the clock.
test-speed: setup
	@$(PY) benchmarks/bench_threshold_change.py --repeats 1 --within 60
	@$(PY) benchmarks/bench_what_if.py --layouts 200x5000 --repeats 2 --within 5 --below 1000

# One process: there can be one cluster on a machine.
test-slurm: setup-dev
	@LIVECC_SLURM_TESTS=required $(BIN)/pytest tests/slurm --durations=5

install-profile: setup
	@$(PY) scripts/install_profile.py

# WhisperX pins other releases of torch and huggingface-hub than the rest of the workflow.
setup-whisperx: $(WHISPERX_VENV)/.setup

$(WHISPERX_VENV)/.setup: envs/base.txt envs/whisperx.txt
	@echo "Making the environment $(WHISPERX_VENV); takes some minutes the first time"
	@$(PYTHON) -m venv $(WHISPERX_VENV)
	@$(call install,$(WHISPERX_VENV)/bin/python) -r envs/whisperx.txt -c envs/dev.txt pytest pytest-timeout
	@touch $@

test-whisperx: setup-whisperx setup-dev
	@$(WHISPERX_VENV)/bin/python -m pytest tests/transcribe/test_whisperx_engine.py
	@WHISPERX_VENV=$(WHISPERX_VENV) $(BIN)/pytest tests/workflow/test_whisperx_rule.py

lint: setup-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/mypy
	@$(BIN)/snakemake --lint --configfile presets/demo.yaml

clean:
	rm -rf $(VENV) $(WHISPERX_VENV) results
