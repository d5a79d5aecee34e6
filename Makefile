# From a product catalogue to a running tagging service. `make` alone lists what there is.
#
# Variables, for all stages alike (tagger.yaml has the rest, with comments):
#   CATALOG=FILE           the products: a .jsonl, .csv, .tsv or .parquet file, or a stem such as ../data/shop
#   SET="a.b=c d.e=f"      override settings: SET="training.epochs=2 catalog.columns={title: Product Name}"
#   CONFIG=FILE            another configuration than tagger.yaml
#   BUILD=DIR              another place than build/ for what is made
#   TARGET=cpu             what the release is exported for; TARGET=gpu exports, serves and measures in the container
#   FORCE=1                make a stage again although nothing has changed
#   PYTHON=python3.11      the Python to set up with
#   VENV=.venv             where the environment is
#   TEXT="…"               what `make tag` asks the running server
#   OPTIONS="…"            what `make bench`, `loadtest`, `perf` and `quality` measure: OPTIONS="--help" lists them
#   QUALITY_DATA=DIR       the folder of data sets that `make quality` measures on
#   TESTS="…"              what `make test` runs, and pytest's options: TESTS="tests/client -x"

VENV := .venv
TARGET := cpu
TEXT := Women's cotton summer dress, size M
TESTS :=

python := $(VENV)/bin/python
ready := $(VENV)/.complete
quoted = '$(subst ','\'',$(1))'
# As they were written: make itself would take a $ for a variable of its own. SET is taken apart by settings/options.py.
options := $(if $(value CONFIG),--config $(call quoted,$(value CONFIG))) \
	$(if $(value CATALOG),--set catalog.path=$(call quoted,$(value CATALOG))) \
	$(if $(value BUILD),--set build_dir=$(call quoted,$(value BUILD))) \
	$(if $(value SET),--set $(call quoted,$(value SET)))
force := $(if $(FORCE),--force)
# What a stage needs is made only where it is missing: `make export` never trains anew, on the demo's products for
# instance because CATALOG was not repeated. The settings say where it is.
again = $(MAKE) -f $(firstword $(MAKEFILE_LIST)) --no-print-directory
need = file=$$($(python) -m settings --in-build $(1) $(options)) && { [ -e "$$file" ] || $(again) $(2); }
checkpoint = $(call need,checkpoint/config.json,train)
release = $(call need,releases/current,export)
# On a GPU they run in the container, where there is one; without it the server needs no release made for it.
on_gpu := $(filter gpu,$(TARGET))
exporter := $(if $(on_gpu),deploy export,export --target $(TARGET))
server := $(if $(on_gpu),deploy serve,serving run)
benchmark := $(if $(on_gpu),deploy bench,loadtest.bench)
served = $(if $(on_gpu),true,$(release))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup demo train export image serve start stop status tag bench loadtest perf quality test lint format clean distclean

help: ## this list
	@echo 'usage: make TARGET [VARIABLE=…]'
	@echo
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12 | sed 's/^/  /'
	@echo
	@sed -n 's/^#   \([A-Z_]*=\)/  \1/p' $(firstword $(MAKEFILE_LIST))

$(ready): pyproject.toml constraints.txt scripts/setup.sh
	@sh scripts/setup.sh $(call quoted,$(VENV)) $(call quoted,$(PYTHON))

setup: $(ready) ## the environment with the pinned versions, in .venv
	@echo '$(VENV) is up to date: pyproject.toml and constraints.txt have not changed since it was made.'

demo: $(ready) ## all of it on the built-in catalogue: train, export, serve, tag sample products, stop
	@$(python) -m demo $(options)

train: $(ready) ## CATALOG → build/catalog → build/checkpoint, with a report of how good it is
	@$(python) -m catalog prepare $(options) $(force)
	@$(python) -m training $(options) $(force)

export: $(ready) ## build/checkpoint → build/releases, after the parity gate
	+@$(checkpoint)
	@$(python) -m $(exporter) $(options) $(force)

image: $(ready) ## the container image that TARGET=gpu runs in
	@exec $(python) -m deploy image

serve: $(ready) ## the current release on Triton, in the foreground until Ctrl-C
	+@$(served)
	@exec $(python) -m $(server) $(options)

start: $(ready) ## the same in the background
	+@$(release)
	@$(python) -m serving start $(options)

stop: $(ready) ## stop it
	@$(python) -m serving stop $(options)

status: $(ready) ## what runs, and how much it has answered
	@$(python) -m serving status $(options)

tag: $(ready) ## ask the running server: make tag TEXT="leather boots"
	@url=$$($(python) -m serving url $(options)) && $(VENV)/bin/tag --url "$$url" $(call quoted,$(value TEXT))

bench: $(ready) ## this server beside others and beside the engine alone, on the same checkpoint, in build/reports
	+@$(served)
	@$(python) -m $(benchmark) $(options) $(OPTIONS)

loadtest: $(ready) ## load on the running server with Locust, judged by limits
	+@$(served)
	@$(python) -m loadtest.locust $(options) $(OPTIONS)

perf: $(ready) ## where a request's time goes, by NVIDIA's perf_analyzer over both protocols
	+@$(served)
	@$(python) -m loadtest.perf $(options) $(OPTIONS)

quality: $(ready) ## the product beside its neighbours on the data sets of QUALITY_DATA, in build/reports/quality
	@$(python) -m quality $(if $(value QUALITY_DATA),--data $(call quoted,$(value QUALITY_DATA))) $(options) $(OPTIONS)

test: lint ## lint, type check and all tests
	@$(python) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

lint: $(ready) ## ruff and mypy
	@$(python) -m ruff check .
	@$(python) -m ruff format --check --quiet . || { echo 'Run `make format`.' >&2; exit 1; }
	@$(python) -m mypy
	@# Each model is a world of its own, with its neighbours and what the export puts beside it.
	@for folder in model_repository/*/1 loadtest/bench/plain_triton/*/1; do [ ! -e $$folder/model.py ] || \
		MYPYPATH=$$folder:catalog:model_repository/tokenizer/1:model_repository/labeler/1 $(python) -m mypy --no-explicit-package-bases \
		--no-error-summary $$folder/model.py || exit 1; done

format: $(ready) ## have ruff write what it can
	@$(python) -m ruff check --fix --exit-zero .
	@$(python) -m ruff format .

clean: ## remove build/ (checkpoint and releases too) and all caches; stops its servers first
	@if [ -e $(ready) ]; then $(python) -m scripts.clean $(options); fi
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## the environment as well
	@rm -rf $(call quoted,$(VENV)) product_tagger.egg-info
