// Package verify checks the manifests with the programs that read them: the API
// machinery's types, a Kubernetes API server, Istio's analyzers, the Envoy
// configuration that Istio's control plane derives from them, and kube-score. It
// is a module of its own, so that the store's own dependencies stay few.
//
// documents.go is the hub: Read reads the manifests, with changes if a test
// needs any. Each check is a function that returns an error. Its test runs the
// check on the manifests, where it must pass, and on copies with one fault, where
// it must report that fault (see type fault in references_test.go).
//
//	references.go          names that refer to nothing; probes and file systems
//	selections.go          pods with two disruption budgets, Services of two workloads
//	workloads.go           replicas, disruption budgets, shutdown, connections
//	programs.go            subcommands, probes, payment
//	alike.go               values in which one service differs from the others
//	uniform.go             what holds for every object and pod
//	databases.go           databases, backups, images, hosts and TLS of the mesh
//	postgres.go            the settings of the databases
//	redis.go, redisconf.go Redis, and a real one with its configuration
//	databaseurls.go        parameters of the services' DATABASE_URL
//	variables.go           variables that the programs read and have no default of
//	storage.go             volumes, and what is written to them
//	mesh.go                what proxies report, and pods of jobs with proxies
//	files.go               files that arguments and configuration files name
//	timeouts.go, routes.go, steps.go
//	                       the order of timeouts: of routes and proxies, and of subgraphs that
//	                       a request waits for one after the other
//	memory.go              the soft memory limit of Go
//	pods.go                Pods as controllers create them
//	router.go, routeraccess.go, responsecache.go, schema.go
//	                       what the router admits, and what of the schemas callers share
//	schedules.go           backups: when they are made, and how long they stay
//	sentinels.go           the quorum of the Sentinels, and what Redis may lose
//	traffic.go, streams.go retries, TLS, pools and ejection in the mesh, and the pool of streams
//	destinations.go        where the gateway and the mesh send requests to
//	monitoring.go, scrapes.go
//	                       how often the monitoring looks, and that it keeps what alerts need
//	alertmanager.go        whom it tells
//	entries.go             entries of ambient mode, and the secret store
//	roles.go, discovery.go rights at the API server: no more, and those that Prometheus needs
//	quota.go, bounds.go    the room of the namespace, and other quotas and bounds in it
//	schemes.go             the schemes of URLs, TLS of databases, and the origins of routes
//	silent.go              what pods start without, or with the wrong one of, and say nothing
//	operator.go            what only the operator knows (operator.yaml), and what may be elsewhere
//	network.go             NetworkPolicies
//	calls.go               connections that the programs are configured to make
//	injection.go           Pods as Istio's webhook changes them
//	apiserver_test.go      a Kubernetes API server accepts every manifest
//	kubectl_test.go        docs/operations.md, as far as an API server can follow it
//	cluster_test.go        make cluster, as far as an API server can follow it
//	istio_test.go, envoy_test.go, rbac_test.go
//	                       Istio's analyzers, routes and authorization
//	pools_test.go          two Envoys with many open streams
//	entry_test.go          Envoy redirects to TLS and passes the client's address on
//	experiments_test.go, canary_test.go
//	                       the experiments of docs/operations.md, also in ambient mode
//	rollback_test.go       make rollback: its order, what it refuses, and what it tells of data
//	scrape_test.go, monitoring_test.go
//	                       Prometheus, Grafana, Jaeger and the collector
//	score_test.go          kube-score
//	chart_test.go, kustomize_test.go
//	                       the router's Helm chart and its base for kustomize
//	kubeconform_test.go    kubeconform on the chart and the base
//	operated_test.go, entries_test.go, silent_test.go, storage_test.go, mesh_test.go
//	                       harmful changes of one value that no program refuses
//	additions_test.go      harmful objects, and the lack of one
//	mutants_test.go, subjects_test.go
//	                       changes of the manifests that no check notices, with mutants.txt
//	components_test.go     the store with the components of manifests/components
//	ambient_test.go, ztunnel_test.go
//	                       ambient mode: routes, waypoint and ztunnel
//	sentinel_test.go, cloudnative_test.go, externalsecrets_test.go
//	                       Redis, Postgres and Secrets of the components
//	rotation_test.go       a new password with External Secrets, of which it plays the operator
//	edits_test.go          what docs/operations.md tells operators to change passes the checks
//	newgraph_test.go       the values that souk init writes; no subPath in pods
//
// `make mutants` changes values of the manifests, of the files in their ConfigMaps and of the
// components redis-sentinel and cloudnative-pg, removes values and objects, and runs the checks
// that need no other program. Each change must be noticed, or match a line of mutants.txt, which
// has the reason why it need not be. The flag -mutants.only selects changes by name.
//
// `make verify` runs all tests. With -short, those that need no other program run.
package verify
