package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type replicasResponse struct {
	Replicas []replicaStats `json:"replicas"`
	// Error says why Prometheus gave no figures, or that none is configured.
	Error *string `json:"error"`
}

// A replicaStats has the figures of one replica in the last minute. A figure is nil if
// Prometheus has none.
type replicaStats struct {
	Name              string   `json:"name"`
	RequestsPerSecond *float64 `json:"requests_per_second"`
	ErrorRate         *float64 `json:"error_rate"`
	P99               *float64 `json:"p99"`
	ResidentBytes     *float64 `json:"resident_bytes"`
}

const (
	prometheusTimeout = 5 * time.Second
	// maxPrometheus bounds the response of Prometheus, in bytes.
	maxPrometheus = 1 << 20
)

// replicaQueries are the queries for the figures, by instance.
var replicaQueries = []struct {
	query string
	set   func(*replicaStats, float64)
}{
	{`sum by (instance) (rate(souk_router_operation_duration_seconds_count[1m]))`, func(r *replicaStats, v float64) { r.RequestsPerSecond = &v }},
	// A replica without errors has no series of them.
	{`(sum by (instance) (rate(souk_router_operation_duration_seconds_count{outcome!="data"}[1m])) or 0 * sum by (instance) (rate(souk_router_operation_duration_seconds_count[1m]))) / sum by (instance) (rate(souk_router_operation_duration_seconds_count[1m]))`,
		func(r *replicaStats, v float64) { r.ErrorRate = &v }},
	{`histogram_quantile(0.99, sum by (instance, le) (rate(souk_router_operation_duration_seconds_bucket[1m])))`, func(r *replicaStats, v float64) { r.P99 = &v }},
	{`max by (instance) (process_resident_memory_bytes and on (instance) souk_router_operations_in_flight)`, func(r *replicaStats, v float64) { r.ResidentBytes = &v }},
}

func (h *handler) replicas(r *http.Request) (any, error) {
	out := replicasResponse{Replicas: []replicaStats{}}
	if h.Prometheus == "" {
		none := "No Prometheus is configured. Set admin.console.prometheus."
		out.Error = &none
		return out, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), prometheusTimeout)
	defer cancel()
	by := map[string]*replicaStats{}
	for _, q := range replicaQueries {
		values, err := queryPrometheus(ctx, h.Prometheus, q.query)
		if err != nil {
			text := "Prometheus gave no figures: " + shorten(err.Error()) + "."
			out.Error = &text
			return out, nil
		}
		for instance, v := range values {
			if by[instance] == nil {
				by[instance] = &replicaStats{Name: instance}
			}
			q.set(by[instance], v)
		}
	}
	for _, one := range by {
		out.Replicas = append(out.Replicas, *one)
	}
	slices.SortFunc(out.Replicas, func(a, b replicaStats) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// queryPrometheus returns the values of an instant query, by instance.
func queryPrometheus(ctx context.Context, base, query string) (map[string]float64, error) {
	target := strings.TrimSuffix(base, "/") + "/api/v1/query?" + url.Values{"query": {query}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("its URL is not valid")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err // without the URL, which may hold a password
		}
		return nil, err
	}
	defer res.Body.Close()
	var body struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric struct{ Instance string }
				Value  [2]any
			}
		}
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxPrometheus+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("its response broke off: %w", err)
	case len(text) > maxPrometheus:
		return nil, fmt.Errorf("its response has more than %d bytes", maxPrometheus)
	case json.Unmarshal(text, &body) != nil:
		return nil, fmt.Errorf("it responded with status %d, but not with the JSON of its API", res.StatusCode)
	}
	if body.Status != "success" {
		return nil, fmt.Errorf("it responded with status %d: %s", res.StatusCode, body.Error)
	}
	out := map[string]float64{}
	for _, one := range body.Data.Result {
		text, _ := one.Value[1].(string)
		if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[one.Metric.Instance] = v
		}
	}
	return out, nil
}
