# One command a task; `make` alone lists them.
PYTHON ?= python3
VENV ?= .venv-dev
PEERS ?= .venv-peers
PY = $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help build test check debug annotate bench bench-peers gate profile clean

help:           ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 14

$(PY):
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --upgrade pip 'setuptools>=77' 'cython>=3.1' 'numpy>=2.0' scipy pytest hypothesis mpmath safetensors

build: $(PY)    ## compile in place, into a venv of its own ($(VENV))
	$(PY) setup.py -q build_ext --inplace

test: build     ## every test, on the build in place
	cd tests && PYTHONPATH="$(CURDIR)" ../$(PY) -m pytest -q

check:          ## what CI runs: sdist, wheel, every test from outside, the README's commands
	.ci/run

debug: $(PY)    ## equations, paths and networks on a build with bounds checks, AddressSanitizer and UBSan
	FASTNET_DEBUG=1 $(PY) setup.py -q build_ext --inplace --force
	cd tests && PYTHONPATH="$(CURDIR)" ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ../$(PY) -m pytest -q -x test_backprop.py test_paths.py test_network.py test_derivatives.py test_training_model.py
	$(PY) setup.py -q build_ext --inplace --force

annotate: $(PY) ## Cython's yellow lines: fastnet/_core/*.html
	FASTNET_ANNOTATE=1 $(PY) setup.py -q build_ext --inplace --force

bench: build    ## fastnet beside its plain engine over BLAS, and the chain of trust: three minutes
	PYTHONPATH="$(CURDIR)" $(PY) bench/trust.py
	PYTHONPATH="$(CURDIR)" $(PY) bench/digits.py
	PYTHONPATH="$(CURDIR)" $(PY) bench/run.py --peers none --repeats 5 --seconds 0.05 --json build/bench.json

$(PEERS)/bin/python:
	$(PYTHON) -m venv $(PEERS)
	$@ -m pip install -q --upgrade pip 'numpy>=2.0' scipy matplotlib
	$@ -m pip install -q 'torch==2.13.0' jax jaxlib optax onnxruntime onnx scikit-learn

bench-peers: build $(PEERS)/bin/python ## fastnet beside the peers, in a venv of theirs ($(PEERS)): half an hour
	PYTHONPATH="$(CURDIR)" $(PEERS)/bin/python bench/run.py --json build/bench-peers.json

gate: build     ## instructions of epochs and calls against bench/instructions.json (needs valgrind)
	PYTHONPATH="$(CURDIR)" $(PY) bench/instructions.py

profile: build  ## where a training run spends its time (needs perf)
	PYTHONPATH="$(CURDIR)" perf record -o /tmp/fastnet.perf -e cpu-clock $(PY) bench/run.py --peers none --only online,minibatch --dtype float32
	perf report -i /tmp/fastnet.perf --stdio | head -40

clean:          ## everything that was built
	rm -rf build dist *.egg-info fastnet/*/*.c fastnet/*/*.so fastnet/*/*.html $(VENV) $(PEERS)
