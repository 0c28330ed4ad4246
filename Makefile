# Everything a person or CI does here, by name. `make` alone lists it.
#
#   make run ARGS="--help"                 what follows is passed to the gateway
#   make test WEIR_TEST_VENV=/elsewhere    where the official SDKs for the tests are installed
#   make fuzz FUZZ_SECONDS=600 FUZZ_TARGETS="sse body"

# Outside of the checkout, so that several checkouts share one build and the tree stays clean.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/weir/target

# CI must build exactly what Cargo.lock says; at the desk a changed Cargo.toml may update it.
LOCKED := $(if $(CI),--locked)
CARGO_DENY_VERSION := 0.20.2
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := $(HOME)/.cache/weir/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
CARGO_DENY := $(HOME)/.cache/weir/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
# The container's builder passes the same arguments; tests/deployment.rs compares them.
RELEASE_BUILD := build --release --locked --package weir --bin weir

.DEFAULT_GOAL := help
.PHONY: help deps run install release test test-deps lint fmt tidy deny advisories docs conformance bench fuzz

help: ## List what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1#/p' $(MAKEFILE_LIST) | awk -F '#' '{ printf "%-12s %s\n", $$1, $$2 }'

deps: ## Check for cargo, a C compiler and cmake; install what may be installed
	@.ci/need cargo
	@.ci/need cc build-essential
	@.ci/need cmake cmake

# Built for development: a release build takes minutes longer, for a speed that a first look does not need.
run: deps ## Start the gateway from this checkout
	@cargo run $(LOCKED) --package weir --bin weir -- serve $(ARGS)

install: deps ## Build for release and install `weir` into ~/.cargo/bin
	cargo install --locked --path . --bin weir

release: deps ## Build for release
	cargo $(RELEASE_BUILD)
	@ls -lh $(CARGO_TARGET_DIR)/release/weir

# The runner's closing line comes last: documentation tests go first, as nextest does not run them.
test: deps test-deps ## Set up and pass every test
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo test $(LOCKED) --workspace --doc --quiet && cargo nextest run $(LOCKED) --workspace; \
	else \
		set -x; cargo test $(LOCKED) --workspace; \
	fi

test-deps: ## Install the official SDKs that the tests drive
	@.ci/test-deps

lint: deps ## Check the format and every lint
	cargo fmt --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings

fmt: ## Format the code
	cargo fmt --all

tidy: ## Check the house's style: caps, links, leftovers, sealed migrations
	@cargo run -q $(LOCKED) --package xtask -- tidy

deny: $(CARGO_DENY) ## Check the dependencies: bans, licences, sources
	$(CARGO_DENY) $(LOCKED) check bans licenses sources

advisories: $(CARGO_DENY) ## Check the dependencies for known holes; asks GitHub
	$(CARGO_DENY) $(LOCKED) check advisories

# Built apart from the project, which has another target folder.
$(CARGO_DENY):
	env -u CARGO_TARGET_DIR cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --root $(@D)/..

docs: ## Write docs/CONFIGURATION.md anew from the settings' types
	@cargo run -q $(LOCKED) --package weir-config --example reference > docs/CONFIGURATION.md.new
	@mv docs/CONFIGURATION.md.new docs/CONFIGURATION.md

# The test that holds the page against what it probes writes it as well.
conformance: deps ## Write docs/CONFORMANCE.md anew from what the tests probe
	WEIR_WRITE_CONFORMANCE=1 cargo test -q $(LOCKED) --package weir --test conformance

# FUZZ_TARGETS="sse body" for some of them; FUZZ_SECONDS is for each.
fuzz: deps $(CARGO_FUZZ) ## Fuzz every format for FUZZ_SECONDS (60) a target
	PATH="$(dir $(CARGO_FUZZ)):$$PATH" fuzz/run.sh $(FUZZ_TARGETS)

$(CARGO_FUZZ):
	env -u CARGO_TARGET_DIR cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --root $(@D)/..

bench: release ## Measure speed and memory; see bench/README.md
	bench/run.sh
