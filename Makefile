# Copyright The LaunchReady Authors.
# SPDX-License-Identifier: Apache-2.0
#
# The workshop. It needs Go, make and git; everything else is built from source or said before it is installed.
# `make help` lists what there is. Steps longer than a line live in hack/.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The same flags for everything that is built: packages of Kubernetes that several programs share are compiled once.
# Only the race detector has to have cgo (hack/test.sh).
export CGO_ENABLED := 0
export GOFLAGS := $(strip $(shell go env GOFLAGS) -trimpath)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

# How long each fuzzer runs, and what `make test` and `make bench` look at.
FUZZTIME ?= 1m
PKG ?= ./...

TOOLS := bin/tools
CONTROLLER_GEN := $(TOOLS)/controller-gen
CRD_REF_DOCS := $(TOOLS)/crd-ref-docs
GOTESTSUM := $(TOOLS)/gotestsum
GOVULNCHECK := $(TOOLS)/govulncheck
GOLANGCI_LINT := $(TOOLS)/golangci-lint

.PHONY: help
help: ## Say what there is
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

##@ Every day

.PHONY: demo
demo: node build ## Tell the story on a real Kubernetes in the terminal (KEEP=1 leaves the cluster up)
	@go run ./hack/demo

.PHONY: test
test: node verify-generate lint ## Generated files, lint, unit, API server and end-to-end tests (PKG=./internal/... for fewer)
	@hack/test.sh $(PKG)

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint every module, and see that the linter holds the import arrows
	@hack/lint.sh

.PHONY: generate
generate: $(CONTROLLER_GEN) $(CRD_REF_DOCS) ## Write the generated files: deep copies, CRDs, RBAC, policies, Helm chart, API reference, version of the detector
	@hack/generate.sh

.PHONY: build
build: ## Build bin/launchready, static
	@go build -ldflags '$(LDFLAGS)' -o bin/launchready ./cmd/launchready

##@ Now and then

.PHONY: bench
bench: control-plane ## Print the figures: every benchmark, and the start of the control plane
	@hack/bench.sh
	@go -C hack/controlplane run . bench

.PHONY: bench-gate
bench-gate: control-plane ## Measure what the gate adds to a request, into docs/benchmarks.md
	@KUBEBUILDER_ASSETS=$$(go -C hack/controlplane run . path) go run ./hack/benchgate >docs/benchmarks.md.new
	@mv docs/benchmarks.md.new docs/benchmarks.md && cat docs/benchmarks.md

.PHONY: fuzz
fuzz: control-plane ## Run every fuzzer for FUZZTIME (1m)
	@FUZZTIME=$(FUZZTIME) hack/fuzz.sh

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Look for known vulnerabilities in what we depend on (needs the network)
	@$(GOVULNCHECK) ./...

.PHONY: fix
fix: $(GOLANGCI_LINT) ## Format the code and mend what the linters can mend by themselves
	@$(GOLANGCI_LINT) run --fix ./...

.PHONY: clean
clean: ## Remove bin/; Go's caches and the control plane's binaries stay
	@rm -rf bin

##@ Parts of the above

.PHONY: verify-generate
verify-generate: $(CONTROLLER_GEN) $(CRD_REF_DOCS) ## Fail, naming the file, if a generated file is stale
	@hack/verify-generate.sh

.PHONY: control-plane
control-plane: ## Build etcd, the Kubernetes control plane and kubectl from source (minutes once, then nothing)
	@go -C hack/controlplane run . build

.PHONY: node
node: control-plane ## Build the programs of the best node that can run here, too (LAUNCHREADY_NODE=real or process names one)
	@case "$$(go -C hack/controlplane run . node-available 2>/dev/null)" in real | process) go -C hack/controlplane run . build --node ;; esac

.PHONY: tools
tools: $(CONTROLLER_GEN) $(CRD_REF_DOCS) $(GOTESTSUM) $(GOVULNCHECK) $(GOLANGCI_LINT) ## Build the pinned tools into bin/tools

test: $(GOTESTSUM)
lint: $(GOTESTSUM)

$(CONTROLLER_GEN) $(CRD_REF_DOCS) $(GOTESTSUM) $(GOVULNCHECK): hack/tools/go.mod hack/tools/go.sum hack/tools/install.sh
	@hack/tools/install.sh hack/tools $(notdir $@) $@

# golangci-lint with the Kubernetes API linter inside: a module of its own, for its graph would move the other tools' pins.
$(GOLANGCI_LINT): hack/tools/lint/go.mod hack/tools/lint/go.sum hack/tools/install.sh
	@hack/tools/install.sh hack/tools/lint golangci-lint-kube-api-linter $@
