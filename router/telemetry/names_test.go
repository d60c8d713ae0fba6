package telemetry_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"souk/router/telemetry"
)

// clients returns the number of operations by client name.
func clients(t *testing.T, r *prometheus.Registry) map[string]uint64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]uint64{}
	for _, f := range families {
		if f.GetName() != "souk_router_client_operation_duration_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "client_name" {
					counts[l.GetValue()] += m.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	return counts
}

// Clients that send new names all the time neither add time series nor push out those in use.
func TestNamesOfClientsAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	m := telemetry.New(r)
	m.SetNames(telemetry.Names{}, telemetry.Names{Max: 2, Fixed: []string{"kiosk"}})
	see := func(name string, times int) {
		for range times {
			m.Client(name, "", "data").Observe(1)
		}
	}
	see("early", 1)
	see("web", 50)
	see("app", 40) // replaces early
	for i := range 500 {
		see(fmt.Sprint("junk", i), 1)
	}
	see("kiosk", 1)
	got := clients(t, r)
	if len(got) != 4 || got["web"] != 50 || got["app"] < 38 || got["kiosk"] != 1 || got["_other"] < 500 {
		t.Errorf("got %v", got)
	}
	m.SetNames(telemetry.Names{}, telemetry.Names{Fixed: []string{"kiosk"}})
	see("web", 1)
	if got := clients(t, r); got["web"] != 0 || got["kiosk"] != 1 {
		t.Errorf("after the bound was lowered: %v", got)
	}
}

func TestUseOfDeprecatedElementsIsBoundedByClient(t *testing.T) {
	r := prometheus.NewRegistry()
	m := telemetry.New(r)
	for i := range 300 {
		m.Deprecated("Product.price", fmt.Sprint("client", i), "").Inc()
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "souk_router_deprecated_use_total" && len(f.GetMetric()) > 21 {
			t.Errorf("%d time series", len(f.GetMetric()))
		}
	}
}
