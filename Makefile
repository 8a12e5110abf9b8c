# Needs Go and nothing else: the tools come pinned through cmd/tools.mod, which keeps them out of users' module graphs.
TOOL := go tool -modfile=cmd/tools.mod
LINT := $(TOOL) golangci-lint
# gotestsum shows less while all is well. TEST="go test" shows everything.
TEST ?= $(TOOL) gotestsum --format pkgname-and-test-fails --

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: check
check: vet lint arch unit ## Everything to run before a commit: vet, format and lint, architecture, unit tests

.PHONY: vet
vet: ## Let the Go tool look for mistakes
	go vet ./...

.PHONY: lint
lint: ## Check format and style
	$(LINT) run

.PHONY: fmt
fmt: ## Format the code
	$(LINT) fmt

.PHONY: arch
arch: ## Check who imports whom
	$(TEST) ./test/arch/...

.PHONY: unit
unit: ## Run the tests that are quick
	$(TEST) -short ./...

.PHONY: test
test: ## Run every test
	$(TEST) ./...

.PHONY: race
race: ## Run every test with the race detector
	$(TEST) -race ./...

.PHONY: golden
golden: ## Rewrite every golden file; review the difference like code
	@for p in $$(git grep -l 'flag.Bool("rewrite"' -- '*_test.go' | xargs -n1 dirname | sort -u); do go test ./$$p -rewrite || exit 1; done

.PHONY: chaos
chaos: ## Let everything fail in every way that is known, 10,000 runs for each; takes hours
	go test -count 5 -timeout 30m ./test/crash
	go run ./cmd/millrace chaos

# How long make fuzz looks with each fuzz test.
FUZZTIME ?= 1m

.PHONY: fuzz
fuzz: ## Let every fuzz test look for bad input, for FUZZTIME each
	@git grep -o 'func Fuzz[A-Za-z]*' -- '*_test.go' | sed 's|/[^/]*_test.go:func | |' | while read -r p f; do \
		echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./$$p || exit 1; done

.PHONY: bench
bench: ## Run the benchmarks, and the engine against the floor of its broker
	go test -run '^$$' -bench . -benchmem ./...
	go run ./cmd/millrace bench

# What bench-check measures and bench-baseline stores: one process, with both settings of the store.
BENCH = go run ./cmd/millrace bench --n 300
BASELINE := cmd/millrace/bench/baseline.json

.PHONY: bench-check
bench-check: ## Fail if a ratio of the engine to its broker is worse by a quarter than the committed one
	$(BENCH) --sync always --check $(BASELINE)
	$(BENCH) --sync 100ms --check $(BASELINE)

.PHONY: bench-baseline
bench-baseline: ## Store the ratios of this machine as those to compare with; review the difference like code
	$(BENCH) --sync always --save $(BASELINE)
	$(BENCH) --sync 100ms --save $(BASELINE)

.PHONY: cover
cover: ## Measure how much of the code the tests run, into coverage.html
	$(TEST) -short -coverpkg=./... -coverprofile=coverage.out ./...
	go tool cover -html=coverage.out -o coverage.html
	go tool cover -func=coverage.out | tail -1
