package observability_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The collector accepts its configuration and rejects an invalid one.
func TestCollectorAcceptsItsConfiguration(t *testing.T) {
	collector := program(t, "COLLECTOR", "otel-collector", "make collector")
	text, err := os.ReadFile("config/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) (string, error) {
		path := filepath.Join(t.TempDir(), "collector.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), collector, "validate", "--config="+path).CombinedOutput()
		return string(out), err
	}
	if out, err := validate(string(text)); err != nil || strings.Contains(out, "deprecated") {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, wrong := range map[string]struct{ old, new, said string }{
		"exporter":  {old: "exporters: [otlp_grpc/jaeger]", new: "exporters: [otlp_grpc/zipkin]", said: `references exporter "otlp_grpc/zipkin" which is not configured`},
		"processor": {old: "  batch:", new: "  bath:", said: `unknown type: "bath"`},
		"key":       {old: "send_batch_size:", new: "batch_size:", said: "batch_size"},
		"value":     {old: "check_interval: 1s", new: "check_interval: soon", said: "invalid duration"},
		"endpoint":  {old: `http: {endpoint: "0.0.0.0:4318"}`, new: `http: {address: "0.0.0.0:4318"}`, said: "address"},
	} {
		changed := strings.Replace(string(text), wrong.old, wrong.new, 1)
		if changed == string(text) {
			t.Fatalf("%q not found", wrong.old)
		}
		if out, err := validate(changed); err == nil || !strings.Contains(out, wrong.said) {
			t.Errorf("wrong %s: got %v, %s", name, err, out)
		}
	}
}
