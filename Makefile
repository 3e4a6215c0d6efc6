# Thin: every target is one or two commands you could type yourself. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spillway
JOBS ?= $(shell nproc)
# A clone at another path finds the same objects.
export CCACHE_DIR ?= $(CACHE)/ccache
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_SLOPPINESS := pch_defines,time_macros

.PHONY: help deps deps-program build demo test test-fast simulate-many planted bench bench-compare bench-controlplane build-release differential fmt fmt-check lint docs manifests image clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps-program:
	@./tools/install-packages program

deps: ## install the Debian packages that building and testing need
	@./tools/install-packages

build: deps-program ## build/spillway
	@cmake --preset product $(if $(wildcard build/CMakeCache.txt),,-DSPILLWAY_TESTS=OFF) >build.log 2>&1 || { cat build.log; exit 1; }; rm -f build.log
	@cmake --build --preset product -j $(JOBS) --target spillway

demo: build ## the three walk-throughs in the sandbox; stays up to play with; CLOUD=eci or eksci: on that cloud's emulator
	@$(if $(CLOUD),cmake --build --preset product -j $(JOBS) --target $(CLOUD)_server)
	@build/spillway demo $(if $(CLOUD),--cloud=$(CLOUD)) $(DEMO_FLAGS)

test: deps ## everything: unit, simulation, wire, structure, control plane, packaging
	@tools/run-tests product

test-fast: deps ## without what is built from Go modules: control plane, scheduler plugins, packaging
	@SPILLWAY_BUILD_KUBERNETES=no tools/run-tests product --label-exclude 'controlplane|differential|packaging'

simulate-many: deps ## N=20000 fresh seeds of the swarm on all cores; FIRST=1 to say which
	@cmake --preset product -DSPILLWAY_TESTS=ON >build.log 2>&1 || { cat build.log; exit 1; }; rm -f build.log
	@cmake --build --preset product -j $(JOBS) --target simulate
	@build/tests/simulate tests/simulation/swarm.sim --seeds=$(or $(N),20000) --jobs=$(JOBS) \
	  --first=$(or $(FIRST),$(shell shuf -i 1000000-2000000000 -n 1)) $(SIMULATE_FLAGS)

planted: deps ## plant each known bug and see which tests notice; PLANTED_FLAGS=--only=NAME
	@tests/planted/run.py --jobs=$(JOBS) $(PLANTED_FLAGS)

differential: build ## N=2000 random clusters against kube-scheduler's own plugins; K8S=1.34 for older ones
	@SPILLWAY_BIN=build/spillway tests/differential/run $(or $(K8S),1.36) --n=$(or $(N),2000) $(DIFFERENTIAL_FLAGS)

build-release: deps
	@cmake --preset release >build.log 2>&1 || { cat build.log; exit 1; }; rm -f build.log
	@cmake --build --preset release -j $(JOBS) --target benchmarks

bench: build-release ## micro benchmarks
	@build-release/bench/bench_simulator $(BENCH_FLAGS)

bench-compare: build-release ## our figures beside the peers'; AUTOSCALER_DIR=... runs cluster-autoscaler too
	@bench/compare.py $(COMPARE_FLAGS)

bench-controlplane: build ## figures on the real control plane, default kube-scheduler settings
	@python3 bench/controlplane.py

fmt: deps ## format all C++
	@git ls-files '*.h' '*.cc' | xargs clang-format-19 -i

fmt-check: deps ## fail if anything is not formatted
	@git ls-files '*.h' '*.cc' | xargs clang-format-19 --dry-run -Werror

lint: deps build ## clang-tidy over the program; what was clean and did not change is not looked at again
	@tools/lint build

manifests: deps ## regenerate the chart's README, the dashboards and manifests/yaml
	@manifests/generate

image: deps build ## build/image: the OCI image, made without a container engine
	@manifests/image/build

docs: build ## regenerate docs/flags.md, metrics.md, events.md, capabilities.md from the binary
	@for page in flags metrics events capabilities; do build/spillway docs $$page > docs/$$page.md; done

clean: ## remove build folders (caches outside the repository stay)
	@rm -rf build build-*
