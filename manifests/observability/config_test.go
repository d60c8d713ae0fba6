package observability_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The collector takes its configuration, and would not take a wrong one.
func TestCollectorTakesItsConfiguration(t *testing.T) {
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
		"exporter":  {"exporters: [otlp_grpc/jaeger]", "exporters: [otlp_grpc/zipkin]", `references exporter "otlp_grpc/zipkin" which is not configured`},
		"processor": {"  batch:", "  bath:", `unknown type: "bath"`},
		"key":       {"send_batch_size:", "batch_size:", "batch_size"},
		"value":     {"check_interval: 1s", "check_interval: soon", "invalid duration"},
		"endpoint":  {`http: {endpoint: "0.0.0.0:4318"}`, `http: {address: "0.0.0.0:4318"}`, "address"},
	} {
		changed := strings.Replace(string(text), wrong.old, wrong.new, 1)
		if changed == string(text) {
			t.Fatalf("there is no %q", wrong.old)
		}
		if out, err := validate(changed); err == nil || !strings.Contains(out, wrong.said) {
			t.Errorf("of a wrong %s it says %v %s", name, err, out)
		}
	}
}
