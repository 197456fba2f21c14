# Everything a contributor types. What a target does in more than a line is a
# script in .ci, so that it can be run and read on its own.

SHELL    := bash
FUZZTIME ?= 60s

.PHONY: build test lint bench fuzz ledger

build: ## the one binary, static
	CGO_ENABLED=0 go build -trimpath -o proxy ./cmd/proxy

test: ## every test, twice (plain and with the race detector), real peers included
	@.ci/test

lint: ## formatting, vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./...
	go vet .ci/report.go
	go tool staticcheck ./...

fuzz: ## every fuzz target for FUZZTIME (default 60s) each
	@FUZZTIME=$(FUZZTIME) .ci/fuzz

bench: ## figures beside other proxies, on this machine, in bench/out; CORPUS=DIR: over a folder of messages too
	go run ./bench peers --install
	for measurement in sidebyside 'sidebyside --mixed' latency tls memory allocs shapes antivirus; do go run ./bench $$measurement || exit; done
	$(if $(CORPUS),go run ./bench corpus --folder '$(CORPUS)')
	go test ./filter -run '^$$' -bench 'Content|Chain'

ledger: ## 1,000 kills under load, failing servers, restarts; then the books are audited
	go run ./bench ledger --kills 1000
