package observability_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"souk/internal/loopback/loopbacktest"
)

// Jaeger serves the strategy of the ConfigMap jaeger-config to programs that ask for it.
func TestJaegerServesTheSamplingStrategy(t *testing.T) {
	const file = "config/sampling_strategies.json"
	var want struct {
		Default struct {
			Type  string
			Param float64
		} `json:"default_strategy"`
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	if err != nil || want.Default.Type != "probabilistic" || want.Default.Param != 0.1 {
		t.Fatalf("%s: got %+v, error %v", file, want, err)
	}
	jaeger := program(t, "JAEGER", "jaeger", "make jaeger")
	strategies := loopbacktest.Address(t)
	t.Setenv("SPAN_STORAGE_TYPE", "memory")
	run(t, jaeger, "--sampling.strategies-file="+file, "--collector.http-server.host-port="+strategies,
		"--collector.otlp.grpc.host-port="+loopbacktest.Address(t), "--query.http-server.host-port="+loopbacktest.Address(t),
		"--collector.otlp.http.host-port="+loopbacktest.Address(t), "--query.grpc-server.host-port="+loopbacktest.Address(t), "--admin.http.host-port="+loopbacktest.Address(t),
		"--collector.grpc-server.host-port="+loopbacktest.Address(t))
	var got struct {
		Probabilistic struct{ SamplingRate float64 } `json:"probabilisticSampling"`
	}
	eventually(t, 30*time.Second, "Jaeger serves strategies", func() bool {
		return get(t.Context(), "http://"+strategies+"/api/sampling?service=api-gateway", &got)
	})
	if got.Probabilistic.SamplingRate != want.Default.Param {
		t.Errorf("Jaeger serves the rate %v, and %s has %v", got.Probabilistic.SamplingRate, file, want.Default.Param)
	}
}
