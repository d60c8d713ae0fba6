package charts_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"souk/router/gateway/config"
)

var update = flag.Bool("update", false, "write souk-router/values.schema.json")

// Helm checks the configuration of the router with the router's own schema, before it
// installs anything.
func TestValuesSchemaHasTheRouterConfiguration(t *testing.T) {
	base, err := os.ReadFile("values.base.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Schema     string         `json:"$schema"`
		Title      string         `json:"title"`
		Type       string         `json:"type"`
		Additional bool           `json:"additionalProperties"`
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(base, &schema); err != nil {
		t.Fatal(err)
	}
	schema.Properties["config"] = routerSchema(t)
	want, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	const file = "souk-router/values.schema.json"
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("charts/%s is not current (%v); run the test with -update", file, err)
	}
}

// routerSchema returns the schema of router.yaml, without the keys that the chart sets.
func routerSchema(t *testing.T) map[string]any {
	t.Helper()
	text, err := config.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema, "$schema")
	schema["title"] = "router.yaml"
	for _, path := range [][]string{{"version"}, {"listen"}, {"admin", "listen"}, {"supergraph", "path"}, {"supergraph", "file"}} {
		block := schema
		for _, key := range path[:len(path)-1] {
			block = block["properties"].(map[string]any)[key].(map[string]any)
		}
		properties := block["properties"].(map[string]any)
		last := path[len(path)-1]
		if properties[last] == nil {
			t.Fatalf("the configuration has no key %v", path)
		}
		delete(properties, last)
	}
	return schema
}
