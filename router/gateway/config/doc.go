// Package config reads the router's configuration. It takes a YAML file, in which
// unknown keys are errors and values may refer to environment variables, and
// returns a [Config] with defaults for missing keys. The router builds the gateway
// and all other stages from it. Programs that embed the router may also start with
// [Default] and set fields.
//
// Flags take precedence over environment variables, which take precedence over
// the file and the defaults. [Load] applies the file and the defaults,
// [Config.ApplyEnvironment] the environment variables that replace single keys.
// Package cli applies the flags.
//
// The hub is config.go: the struct tags define each key, its description and its
// constraints. The other files are:
//
//	stages.go       authentication, rates and costs, response cache
//	limits.go       limits of requests and responses
//	telemetry.go    traces, metrics, logs, who may see query plans
//	attributes.go   attributes, instruments and conditions
//	coprocessor.go  coprocessor stages
//	canary.go       a second variant of the router
//	cors.go         CORS origins
//	headers.go      header rules, and the client's headers on which requests depend
//	labels.go       override labels
//	redis.go        connections to Redis
//	events.go       message brokers that feed subscriptions
//	mcp.go          the endpoint for agents
//	remote.go       supergraphs and documents that are kept elsewhere
//	urls.go         URLs of subgraphs
//	tls.go          TLS of ports and of connections to subgraphs
//	defaults.go     defaults and environment variables
//	load.go         reads a file, with package yamlfile; Error, Errors and Source
//	check.go        checks of values and of combinations
//	bounds.go       lower and upper bounds that contradict each other
//	startup.go      checks of what would fail when the router starts
//	tags.go         what the struct tags say about values
//	paths.go        checks of paths
//	endpoint.go     the path of the GraphQL endpoint, or a pattern of paths
//	warnings.go     TLS settings that protect nothing
//	document.go     writes docs/router.yaml
//	schema.go       writes router.schema.json
//	explain.go      describes single keys
//	sample.go       example values
//	redact.go       the configuration without secrets, for a debug bundle
//	diff.go         the differences between two configurations
package config
