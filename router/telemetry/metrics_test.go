package telemetry_test

import (
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"souk/router/telemetry"
	base "souk/telemetry"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

// TestDocumentation keeps docs/metrics.md and the definitions the same.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Metrics\n\nWritten by `go test ./router/telemetry -update` from the definitions in the code.\n" +
		"All are served at /metrics, next to those of the Go runtime (`go_*`) and the process (`process_*`).\n")
	table(&b, "Every service", base.Metrics())
	table(&b, "Router", telemetry.Definitions())
	file := filepath.Join("..", "..", "docs", "metrics.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != b.String() {
		t.Error("docs/metrics.md is out of date: run go test ./router/telemetry -update")
	}
}

func table(w io.Writer, title string, metrics []base.Metric) {
	fmt.Fprintf(w, "\n## %s\n\n| Name | Kind | Labels | Meaning |\n|---|---|---|---|\n", title)
	for _, m := range metrics {
		labels := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(labels, ", "), m.Help)
	}
}

// TestDefinitionsAreRegistered fails for a metric that is documented but not
// exported, and for one whose name is against Prometheus' conventions.
func TestDefinitionsAreRegistered(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := telemetry.New(registry)
	touch(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	exported := map[string]bool{}
	for _, f := range families {
		exported[f.GetName()] = true
	}
	for _, d := range telemetry.Definitions() {
		if !exported[d.Name] {
			t.Errorf("%s is documented but not exported", d.Name)
		}
		delete(exported, d.Name)
		if (d.Kind == base.Counter) != strings.HasSuffix(d.Name, "_total") {
			t.Errorf("%s: a name ends in _total exactly if it is a counter", d.Name)
		}
		if d.Help == "" || !strings.HasSuffix(d.Help, ".") {
			t.Errorf("%s: help %q is not a sentence", d.Name, d.Help)
		}
	}
	for name := range exported {
		t.Errorf("%s is exported but not documented", name)
	}
}

// touch uses every family that has labels.
func touch(m *telemetry.Metrics) {
	m.ConnectionClosed("idle").Inc()
	m.Operation("query", "data").Observe(1)
	m.GraphQLError("A").Inc()
	m.Subgraph("s").Error("A").Inc()
	m.Redis("lookup").Errors.Inc()
	m.Authentication("ok").Inc()
	m.Coprocessor("RouterRequest", true).Observe(1)
	m.Dependency("redis", "response_cache").SetUp(true)
	m.EntityCache.Type("s", "T").Local.Inc()
	m.EntityCache.Invalidated("T", "api").Inc()
}

func TestErrorCodesAreBounded(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := telemetry.New(registry)
	for i := range 1000 {
		m.GraphQLError("CODE_" + strconv.Itoa(i)).Inc()
	}
	m.GraphQLError("CODE_0").Inc()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if n := len(f.GetMetric()); n > 101 {
			t.Errorf("%s has %d series", f.GetName(), n)
		}
	}
	if v := value(t, m.GraphQLError("CODE_0")); v != 2 {
		t.Errorf("CODE_0 counted %v times, want 2", v)
	}
	if v := value(t, m.GraphQLError("_OTHER")); v != 900 {
		t.Errorf("_OTHER counted %v times, want 900", v)
	}
}

func value(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := telemetry.New(nil)
	subgraph := m.Subgraph("product")
	n := testing.AllocsPerRun(100, func() {
		m.Operation("query", "data").Observe(.1)
		m.GraphQLError("FORBIDDEN").Inc()
		subgraph.InFlight.Inc()
		subgraph.Duration.Observe(.1)
		subgraph.Error("TIMEOUT").Inc()
		m.EntityCache.Type("product", "Product").Redis.Inc()
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestServedWithTheServicesMetrics(t *testing.T) {
	tel, err := base.Setup(t.Context(), base.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	telemetry.New(tel.Registry).Plan.Hits.Inc()
	w := httptest.NewRecorder()
	tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if want := `souk_router_cache_requests_total{cache="plan",result="hit"} 1`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("metrics lack %s", want)
	}
}
