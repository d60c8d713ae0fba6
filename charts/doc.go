// Package charts writes and tests the schema of the values of the Helm chart in
// souk-router. It has only tests:
//
//	schema_test.go         values.schema.json: the chart's own values, described in
//	                       values.base.json, and router.yaml under config
//
// `go test ./charts -update` writes it. The chart itself is tested in manifests/verify.
package charts
