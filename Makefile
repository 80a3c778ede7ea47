# Everything a person does with a checkout. `make` alone lists it.
PYTHON ?= python3
ARGS ?=
PHOTOS ?=

bin := .venv/bin
installed := .venv/installed
encoders := .venv/share/labeling/encoders
built := $(encoders)/built

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-postgresql checks lint types imports migrations deploy bench effort fuzz schema ci screenshots chromium format constraints clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(built) ## Make .venv with exact versions and build the encoders; quick when done before

demo: setup ## Start with a project of real photos, and print the link that signs you in
	@$(bin)/python manage.py start --demo

run: setup ## Start with your own data, and print the link that signs you in
	@$(bin)/python manage.py start

test: setup chromium ## Run all tests; ARGS="-k name" for some
	$(bin)/python -m pytest $(ARGS)

test-postgresql: setup ## Run the tests on a PostgreSQL started for them; ARGS="tests/api" for some
	LABELING_TEST_DATABASE=postgresql $(bin)/python -m pytest $(ARGS)

checks: lint types imports migrations deploy ## Everything CI looks at but the tests

lint: setup ## Format and style
	$(bin)/ruff format --check .
	$(bin)/ruff check .

types: setup ## Types
	$(bin)/mypy

imports: setup ## Imports run one way
	$(bin)/lint-imports

migrations: setup ## Migrations say what the models say
	$(bin)/python manage.py makemigrations --check --dry-run

deploy: setup ## Settings of a server that people reach over HTTPS
	LABELING_HTTPS=1 SECRET_KEY=$$($(bin)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
		$(bin)/python manage.py check --deploy --fail-level WARNING

bench: setup chromium ## Measure every claim about speed anew into docs/performance.md; ARGS="--only suggest"
	$(bin)/python -m benchmarks.performance $(ARGS)

effort: setup ## How many acts a person needs, against the usual loop; PHOTOS="folder-per-label ..."
	$(bin)/python -m benchmarks.effort $(PHOTOS)

fuzz: setup ## schemathesis over the API, 100 cases a call
	LABELING_FUZZ_CASES=100 $(bin)/python -m pytest tests/api/test_fuzz.py $(ARGS)

schema: setup ## Write docs/api/schema.yml, which the tests compare
	$(bin)/python manage.py spectacular --file docs/api/schema.yml --validate --fail-on-warn

ci: ## What CI runs: the checks, then the tests
	$(MAKE) checks
	$(MAKE) test

screenshots: setup chromium ## Take the pictures of the docs anew; PHOTOS=folder-per-label, else the demo's
	$(bin)/python -m scripts.screenshots $(PHOTOS)

format: setup ## Format the code
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

constraints: ## Take the newest versions that pyproject.toml allows into constraints.txt
	@$(PYTHON) scripts/check_machine.py
	@PYTHON="$(PYTHON)" sh scripts/constraints.sh

clean: ## Remove .venv and caches; your data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Not an install of the project itself: that would leave build/ and *.egg-info in the checkout.
$(installed): pyproject.toml constraints.txt
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no '$(PYTHON)': install Python 3.11 or newer, or say which with make PYTHON=/path/to/python3."; exit 1; }
	@"$(PYTHON)" scripts/check_machine.py
	@echo "Installing into .venv (once, some minutes) ..."
	@"$(PYTHON)" -m venv .venv
	@$(bin)/python scripts/requirements.py > .venv/requirements.txt
	@# hnswlib is built here; without this it may not run when .venv moves to another processor.
	@HNSWLIB_NO_NATIVE=1 $(bin)/python -m pip install -qq --disable-pip-version-check \
		-r .venv/requirements.txt -c constraints.txt
	@touch $@

# What is built already is only looked at: 1 s.
$(built): $(installed) $(wildcard similarity/encoders/*.py)
	@echo "Building the encoders (once) ..."
	@$(bin)/python -m similarity.encoders.build $(encoders) >/dev/null
	@touch $@

chromium:
	@sh scripts/chromium.sh
