// Package convert converts configurations of other routers to that of this one: the router.yaml
// of Apollo Router, the config.yaml of Cosmo Router, the router.config.yaml of Hive Router and the
// gateway.config.ts of Hive Gateway, which is read and not run.
// The result is valid once the variables are set that it refers to, which are named. Every key
// of the input that has no equivalent, or is not known, is reported with what to use instead.
//
// What may have protected the graph, and is not converted, is marked and comes first.
//
// The hub is convert.go: [Convert] walks the input and applies the rule of each key. rule.go has
// the kinds of rules, value.go converts single values, and input.go reads the input, with
// typescript.go for programs. account.go
// reports every value that no rule has read, and protect.go marks what protects the graph.
// output.go writes the result, and check.go removes what would not be valid. Each router has its
// rules in a file: apollo.go with apollo_stages.go, apollo_telemetry.go and instruments.go, cosmo.go
// with cosmo_stages.go and cosmo_attributes.go, hive.go, and hive_gateway.go.
// Each rule names the keys that it sets and what differs; the guides docs/migrate-from-*.md have a
// row for each. What the routers share is in keys.go (key sets), tokens.go (places of tokens),
// headers.go (header rules), cors.go (origins, and paths of health checks),
// plans.go (who may see query plans), uploads.go, callback.go, traceid.go, costs.go and
// tls.go. peers.go says what keys of the routers are called here, for other error messages.
// former.go has former names of keys, and redis.go servers of Redis.
package convert
