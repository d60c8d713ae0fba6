package main

import (
	"context"
	"fmt"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"souk/dev"
)

// cacheCount counts the router's entity look-ups and cache hits.
type cacheCount struct{ hits, lookups float64 }

// since describes the counts since before. After a restart of the router, it
// describes those since the restart.
func (c cacheCount) since(before cacheCount) string {
	if c.lookups < before.lookups {
		before = cacheCount{}
	}
	hits, lookups := c.hits-before.hits, c.lookups-before.lookups
	if lookups == 0 {
		return "no look-ups"
	}
	return fmt.Sprintf("%12.2f %% of %.0f look-ups", 100*hits/lookups, lookups)
}

// readCache reads the counts from the router's metrics.
func readCache(ctx context.Context, store *dev.System) (c cacheCount, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, store.URL("admin")+"/metrics", http.NoBody)
	if err != nil {
		return c, fmt.Errorf("reading the router's metrics: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return c, fmt.Errorf("reading the router's metrics: %w", err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return c, fmt.Errorf("reading the router's metrics: %w", err)
	}
	for _, m := range families["souk_router_entity_cache_lookups_total"].GetMetric() {
		n := m.GetCounter().GetValue()
		c.lookups += n
		if result := label(m, "result"); result == "local" || result == "redis" {
			c.hits += n
		}
	}
	return c, nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
