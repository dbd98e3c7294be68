# make demo    set up, then run the workflow on the demo media (CPU, a few minutes)
# make test    set up, then run the tests
# make lint    formatting, style, types, layers, Snakemake's own checks
# make setup   create the environment in $(VENV)
# make install-profile  set up `snakemake --profile slurm` for this user (docs/slurm.md)
# make test-speed       time a threshold change and a what-if; fails if they are too slow
# make test-slurm       test the Slurm profile on a Slurm that the tests start themselves (root)
# make setup-whisperx  create WhisperX's environment (8 GB) in $(WHISPERX_VENV)
# make test-whisperx   set up WhisperX, then test the engine on real speech
# make env-KIND      create an environment for one kind of work (envs/KIND.txt) in $(VENV)-KIND
# make clean         remove the environments and results/demo, which make creates again; no other
#                    results, no score cache, no models
# make locks         renew envs/locks/, the exact versions that setup installs (docs/environments.md)
# make test-newest   run the tests with the newest versions that envs/ allows, in $(VENV)-newest
#
# For machines without internet access, run on a connected one with the same Python and platform:
# make wheels        collect wheels of all packages that setup installs, in $(WHEELS)
# make wheels-KIND   collect wheels of all packages that env-KIND installs
# make prefetch CONFIG=my.yaml   setup, wheels, and the models that a run needs
#
# TORCH=cuda         use the CUDA builds of torch and onnxruntime, for GPU machines
# TORCH_INDEX=URL    install torch from this package index
# PYTHON=python3.12  the Python to use (3.11 or newer)
# LOCK=              install the newest versions that envs/ allows, not those of envs/locks/
# OFFLINE=1          install only from $(WHEELS)

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
# Let uv find local wheels in the same places as pip.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

# A fixed release on the CPU, for identical results everywhere; any recent one on GPUs.
TORCH_cpu := torch==2.13.0
TORCH_cuda := torch>=2.7,<3
TORCH_SPEC := $(TORCH_$(TORCH))
$(if $(TORCH_SPEC),,$(error TORCH=$(TORCH): must be cpu or cuda))
# Replaces the CPU build on GPU machines.
ONNXRUNTIME_cuda := onnxruntime-gpu>=1.20,<2
ONNXRUNTIME := $(ONNXRUNTIME_$(TORCH))

# Whether the exact versions in envs/locks/ are installed: where they hold. Elsewhere, the ranges of envs/.
ifeq ($(origin LOCK),undefined)
LOCK := $(shell $(or $(wildcard $(PY)),$(PYTHON)) envs/lock.py covers $(TORCH))
endif

# Installs packages into the environment of a Python: $(call install,PYTHON) PACKAGE...
SOURCE := $(if $(OFFLINE),--no-index --find-links $(WHEELS))
ifeq ($(UV),)
install = $(1) -m pip install --quiet $(SOURCE)
else
install = uv pip install --quiet --compile-bytecode --python $(1) $(SOURCE)
endif
INSTALL := $(call install,$(PY))
# The project itself: its library and the program livecc. setuptools is installed first and used for the
# build, so nothing is fetched for it. Also --no-deps: its packages are those of envs/.
BUILD := 'setuptools>=77'
install_project = $(call install,$(1)) $(BUILD) && \
  $(call install,$(1)) --no-build-isolation --no-deps --editable .
# Collects wheels, and builds them for source distributions, so offline installs need no compiler.
COLLECT := $(PY) -m pip wheel --quiet --wheel-dir $(WHEELS) \
  $(addprefix --find-links ,$(WHEELS) $(PIP_FIND_LINKS))
TORCH_FROM := $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
# The trainer's reader. It names decord, whose module is that of decord2, which it works with.
READER := livecc-utils==0.0.2

# Installs what a lock holds and nothing else: $(call install_lock,LOCK,OPTIONS OF envs/lock.py).
# Packages that are published as source are built with the setuptools of the lock. Offline, there are
# no hashes to compare: they were compared when the wheels were collected, and some were built then.
LOCK_FILE = $(VENV)/.lock.txt
install_lock = $(PY) envs/lock.py show $(1) $(2) $(if $(OFFLINE),--without-hashes) > $(LOCK_FILE) && \
  $(INSTALL) --no-deps --no-build-isolation $(if $(OFFLINE),,--require-hashes) -r $(LOCK_FILE)
# The lock has the hashes of torch in the default index. Builds from anywhere else have others.
OTHER_TORCH := $(strip $(TORCH_INDEX) $(UV_FIND_LINKS) $(PIP_FIND_LINKS) $(OFFLINE))
WITHOUT_TORCH := $(if $(OTHER_TORCH),--without-torch)

.PHONY: setup setup-dev setup-whisperx install-profile test test-speed test-slurm test-newest \
  test-whisperx lint demo clean wheels prefetch locks

setup: $(VENV)/.setup-$(TORCH)

setup-dev: $(VENV)/.setup-dev

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than 3.11; choose another Python: make PYTHON=python3.12"; exit 1; }
	@echo "Creating the environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.setup-$(TORCH): $(PY) envs/base.txt $(REQUIREMENTS) envs/lock.py $(wildcard envs/locks/*.txt) \
  Makefile pyproject.toml
	@echo "Installing ($(if $(UV),uv,pip), torch for $(TORCH)); takes a few minutes the first time"
ifneq ($(LOCK),)
	@$(call install_lock,$(TORCH),--only setuptools)
	@# Both builds of onnxruntime have the same files, so one goes before the other comes.
	@$(if $(ONNXRUNTIME),$(PY) -m pip uninstall --quiet --yes onnxruntime 2> /dev/null)
	@$(call install_lock,$(TORCH),$(WITHOUT_TORCH))
ifneq ($(OTHER_TORCH),)
	@$(INSTALL) $(if $(OFFLINE),,$(TORCH_FROM)) '$(TORCH_SPEC)'
endif
else
	@$(INSTALL) $(if $(OFFLINE),,$(TORCH_FROM)) '$(TORCH_SPEC)'
	@$(INSTALL) '$(TORCH_SPEC)' $(addprefix -r ,$(REQUIREMENTS))
ifneq ($(ONNXRUNTIME),)
	@$(PY) -m pip uninstall --quiet --yes onnxruntime
	@$(INSTALL) '$(ONNXRUNTIME)'
endif
endif
	@$(call install_project,$(PY))
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup-$(TORCH) envs/dev.txt
ifneq ($(LOCK),)
	@$(call install_lock,dev)
else
	@$(INSTALL) -r envs/dev.txt
	@$(INSTALL) --no-deps '$(READER)'
endif
	@touch $@

# The stem is the kind; its requirements select the torch release.
env-%: envs/%.txt envs/base.txt $(PY)
	@$(PYTHON) -m venv $(VENV)-$*
	@$(call install,$(VENV)-$*/bin/python) -r $<
	@$(call install_project,$(VENV)-$*/bin/python)
	@echo "$(abspath $(VENV)-$*/bin/python) (use it for environments: in your configuration)"

wheels: $(PY)
ifneq ($(LOCK),)
	@$(call install_lock,$(TORCH),--only setuptools)
	@$(PY) envs/lock.py show $(TORCH) $(WITHOUT_TORCH) > $(LOCK_FILE)
	@# Not from $(WHEELS): a wheel that was built there has no hash to compare.
	@$(PY) -m pip wheel --quiet --wheel-dir $(WHEELS) --no-deps --no-build-isolation --require-hashes \
	  -r $(LOCK_FILE)
ifneq ($(OTHER_TORCH),)
	@$(PY) envs/lock.py show $(TORCH) --without-torch --without-hashes > $(LOCK_FILE)
	@$(COLLECT) $(TORCH_FROM) --constraint $(LOCK_FILE) '$(TORCH_SPEC)'
endif
else
	@$(COLLECT) $(TORCH_FROM) '$(TORCH_SPEC)'
	@$(COLLECT) $(BUILD) '$(TORCH_SPEC)' $(if $(ONNXRUNTIME),'$(ONNXRUNTIME)') $(addprefix -r ,$(REQUIREMENTS))
endif

wheels-%: envs/%.txt envs/base.txt $(PY)
	@$(COLLECT) $(BUILD) -r $<

ifneq ($(filter prefetch,$(MAKECMDGOALS)),)
$(if $(CONFIG),,$(error CONFIG is missing: make prefetch CONFIG=my.yaml))
endif
prefetch: setup wheels
	@$(BIN)/snakemake --workflow-profile profiles/local --configfile $(CONFIG) \
	  --cores $(CORES) fetch_models

DEMO_PAGE := results/demo/report.html

demo: setup
	@touch $(VENV)/.demo-began
	@$(BIN)/snakemake --workflow-profile profiles/demo --cores $(CORES)
	@# Print the summary if the run had nothing to do and did not print it.
	@[ results/demo/summary.txt -nt $(VENV)/.demo-began ] || cat results/demo/summary.txt
	@echo "Next: open $(DEMO_PAGE) in a browser; then \"Your own data\" in README.md."

test: setup-dev
	@$(BIN)/pytest -n 2 --dist worksteal --durations=20

# Run nothing else at the same time: these tests measure wall-clock time.
test-speed: setup
	@$(PY) -m benchmarks.bench_threshold_change --change-only --repeats 1 --within 60
	@$(PY) -m benchmarks.bench_what_if --layouts 200x5000 --repeats 2 --within 5 --below 1000

# One process: a machine can run only one cluster.
test-slurm: setup-dev
	@LIVECC_SLURM_TESTS=required $(BIN)/pytest tests/slurm --durations=5

install-profile: setup
	@$(BIN)/livecc install-profile

# WhisperX pins different releases of torch and huggingface-hub than the rest of the workflow.
setup-whisperx: $(WHISPERX_VENV)/.setup

$(WHISPERX_VENV)/.setup: envs/base.txt envs/whisperx.txt pyproject.toml
	@echo "Creating the environment $(WHISPERX_VENV); takes a few minutes the first time"
	@$(PYTHON) -m venv $(WHISPERX_VENV)
	@$(call install,$(WHISPERX_VENV)/bin/python) -r envs/whisperx.txt -c envs/dev.txt pytest pytest-timeout
	@$(call install_project,$(WHISPERX_VENV)/bin/python)
	@touch $@

test-whisperx: setup-whisperx setup-dev
	@$(WHISPERX_VENV)/bin/python -m pytest tests/stages/transcribe/test_whisperx_engine.py
	@WHISPERX_VENV=$(WHISPERX_VENV) $(BIN)/pytest tests/workflow/test_whisperx.py

lint: setup-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/snakemake --lint --configfile presets/demo.yaml

# Needs uv. Versions stay as they are while the ranges in envs/ allow it; UPGRADE=all, or UPGRADE=PACKAGE,
# takes newer ones. The last step asks for a wheel of everything on all that envs/lock.py covers, except
# of packages that are published as source alone and need no compiler.
UPGRADE ?=
SOURCES := connection-pool langid python-speech-features
COMPILE = env -u UV_FIND_LINKS uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --custom-compile-command 'make locks' \
  $(if $(filter all,$(UPGRADE)),--upgrade,$(addprefix --upgrade-package ,$(UPGRADE)))
locks:
	@$(if $(UV),,echo "make locks needs uv" && exit 1)
	@printf '%s\n' $(BUILD) '$(TORCH_cpu)' | \
	  $(COMPILE) - $(REQUIREMENTS) --output-file envs/locks/cpu.txt
	@printf '%s\n' $(BUILD) '$(TORCH_cpu)' '$(ONNXRUNTIME_cuda)' | \
	  $(COMPILE) - $(REQUIREMENTS) --constraint envs/locks/cpu.txt --no-emit-package onnxruntime \
	  --output-file envs/locks/cuda.txt
	@printf '%s\n' '$(READER)' | \
	  $(COMPILE) - envs/dev.txt --constraint envs/locks/cpu.txt --no-emit-package decord \
	  --output-file envs/locks/dev.txt
	@for lock in cpu cuda dev; do \
	  $(PYTHON) envs/lock.py platforms $$lock | while read -r platform python; do \
	    echo "$$lock: $$platform, Python $$python" && \
	    env -u UV_FIND_LINKS uv pip install --quiet --dry-run --target $(VENV)/nowhere --no-deps \
	      --python-platform $$platform --python-version $$python --only-binary :all: \
	      $(addprefix --no-binary ,$(SOURCES)) -r envs/locks/$$lock.txt || exit 1; \
	  done || exit 1; \
	done

# From an empty environment, so nothing older stays.
test-newest:
	rm -rf $(VENV)-newest
	@$(MAKE) test VENV=$(VENV)-newest LOCK= TORCH_cpu='$(TORCH_cuda)'

# What costs nothing to create again. A folder that is no environment is not removed, whatever VENV
# says, and neither are answers of a service, which someone has paid for.
ENVIRONMENTS := $(VENV) $(WHISPERX_VENV) $(patsubst envs/%.txt,$(VENV)-%,$(wildcard envs/*.txt))
PAID := $(wildcard results/demo/cache/make_prompts/*/spending/*)

clean:
	@for folder in $(sort $(ENVIRONMENTS)); do \
	  [ ! -e "$$folder/pyvenv.cfg" ] || { echo "Removing $$folder"; rm -rf "$$folder"; }; \
	done
	@$(if $(PAID),echo "Keeping results/demo: its cache has answers of a service",rm -rf results/demo)
