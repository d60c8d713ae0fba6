// Package faults tests the alerts by fault. Its tests start the real store, break one thing,
// and check which of the alerts in ../rules fire, and that no other does. It is a module of
// its own, because it contains Prometheus and Alertmanager; `make faults` and `make verify` run it.
//
// The store has a real Postgres, Redis and HTTP. prometheus_test.go has Prometheus's own
// database, PromQL engine and rules. Its time is invented: a scrape follows the previous one
// at once, but is stored half a minute later, so that a quarter of an hour takes seconds. It
// replays the scrapes while the store goes on.
// store_test.go has the store, its traffic and what is scraped. fire_test.go breaks it, after turns
// in which all customers are served. faults_test.go has the faults; a turn has the same operations
// on every machine. Services that hang have a store of their own, whose router waits for seconds
// only. gateway_test.go has an Envoy with a certificate that expires. runbook_test.go tries the SQL
// of the runbook. alertmanager_test.go sends alerts through Alertmanager's own code with the
// configuration of the manifests, and consequences_test.go further ones.
package faults
