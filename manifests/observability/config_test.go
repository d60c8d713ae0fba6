package observability_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"
)

var update = flag.Bool("update", false, "write ../11-observability-config.yaml")

const configFile = "../11-observability-config.yaml"

// configMaps are the ConfigMaps in istio-system and the files in each.
var configMaps = []struct {
	name, app string
	files     []string
}{
	{"prometheus", "prometheus", []string{"config/prometheus.yml"}},
	{"prometheus-rules", "prometheus", []string{"rules/souk.yml"}},
	{"otel-collector", "otel-collector", []string{"config/collector.yaml"}},
	{"grafana", "grafana", []string{"config/datasources.yaml", "config/dashboards.yaml"}},
	{"grafana-dashboards", "grafana", []string{
		"dashboards/souk-router.json", "dashboards/souk-services.json", "dashboards/souk-store.json",
		"dashboards/souk-redis.json", "dashboards/souk-postgres.json",
	}},
}

// TestConfigMaps keeps the manifest and the files it is made of the same.
func TestConfigMaps(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Made by `go test ./manifests/observability -run TestConfigMaps -update` of the files in observability/.\n")
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	for _, m := range configMaps {
		data := map[string]string{}
		for _, file := range m.files {
			text, err := os.ReadFile(filepath.FromSlash(file))
			if err != nil {
				t.Fatal(err)
			}
			data[filepath.Base(file)] = string(text)
		}
		err := encoder.Encode(map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap",
			"metadata": map[string]any{"name": m.name, "namespace": "istio-system", "labels": map[string]string{"app": m.app, "app.kubernetes.io/part-of": "souk"}},
			"data":     data,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(configFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, b.Bytes()) {
		t.Errorf("%s is out of date: run go test ./manifests/observability -run TestConfigMaps -update", configFile)
	}
}
