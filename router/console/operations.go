package console

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/console/record"
)

type operationsResponse struct {
	Operations []operationStats `json:"operations"`
	// Other has the operations without statistics of their own: rare ones, and requests
	// that were rejected before their operation was known.
	Other otherStats `json:"other"`
	// More is how many operations the limit left out.
	More int `json:"more"`
}

type operationStats struct {
	Hash              string  `json:"hash"`
	Name              string  `json:"name"`
	Kind              string  `json:"kind"`
	Requests          uint64  `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Errors            uint64  `json:"errors"`
	ErrorRate         float64 `json:"error_rate"`
	InFlight          int     `json:"in_flight"`
	latencies
	TotalTime         float64         `json:"total_time"`
	FetchesPerRequest float64         `json:"fetches_per_request"`
	CacheHitRate      *float64        `json:"cache_hit_rate"`
	Cost              cost            `json:"cost"`
	DeprecatedFields  []string        `json:"deprecated_fields"`
	Document          string          `json:"document"`
	Traces            operationTraces `json:"traces"`
}

// operationTraces are IDs of traces, or nil if none is kept.
type operationTraces struct {
	Latest  *string `json:"latest"`
	Slowest *string `json:"slowest"`
	Failing *string `json:"failing"`
}

type otherStats struct {
	Requests          uint64  `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Errors            uint64  `json:"errors"`
	ErrorRate         float64 `json:"error_rate"`
	// Rejected are the requests that were rejected before their operation was known, as by a
	// rate limit.
	Rejected uint64 `json:"rejected"`
	InFlight int    `json:"in_flight"`
	latencies
}

func other(s record.Stats) otherStats {
	return otherStats{Requests: s.Requests, RequestsPerSecond: s.PerSecond(), Errors: s.Errors, ErrorRate: s.ErrorRate(), Rejected: s.Rejected, InFlight: s.Running, latencies: latenciesOf(s)}
}

// orders are the values of the parameter sort: the figure that comes first is the highest.
var orders = map[string]func(record.OperationStats) float64{
	"rate":       func(s record.OperationStats) float64 { return float64(s.Requests) },
	"p95":        func(s record.OperationStats) float64 { return s.P95 },
	"errors":     func(s record.OperationStats) float64 { return float64(s.Errors) },
	"total_time": func(s record.OperationStats) float64 { return s.Total },
}

func (h *handler) operations(r *http.Request) (any, error) {
	length, err := window(r, 300)
	if err != nil {
		return nil, err
	}
	most, err := number(r, "limit", 100, 1, 1000)
	if err != nil {
		return nil, err
	}
	order := orders[cmp.Or(r.URL.Query().Get("sort"), "rate")]
	if order == nil {
		return nil, &problem{status: http.StatusBadRequest, detail: fmt.Sprintf("sort must be one of %v.", slices.Sorted(maps.Keys(orders)))}
	}
	s, ok := h.Gateway.Supergraph()
	if !ok {
		return nil, errClosed
	}
	list, rest := h.Recorder.Operations(seconds(length))
	slices.SortFunc(list, func(a, b record.OperationStats) int {
		return cmp.Or(cmp.Compare(order(b), order(a)), cmp.Compare(a.Document.Name, b.Document.Name), cmp.Compare(a.Document.Key, b.Document.Key))
	})
	out := operationsResponse{Operations: []operationStats{}, Other: other(rest), More: max(len(list)-most, 0)}
	for _, o := range list[:min(len(list), most)] {
		out.Operations = append(out.Operations, h.operation(o, s.Schema))
	}
	return out, nil
}

func (h *handler) operation(o record.OperationStats, schema *ast.Schema) operationStats {
	return operationStats{
		Hash: o.Document.Key, Name: o.Document.Name, Kind: o.Document.Kind.String(), Requests: o.Requests, RequestsPerSecond: o.PerSecond(),
		Errors: o.Errors, ErrorRate: o.ErrorRate(), InFlight: o.Running, latencies: latenciesOf(o.Stats), TotalTime: o.Total,
		FetchesPerRequest: float64(o.Fetches) / float64(max(o.Requests, 1)), CacheHitRate: hitRate(o.Stats), Cost: h.costs(o.Estimated, o.Actual),
		DeprecatedFields: h.deprecatedFields(o.Fields, schema), Document: o.Document.Text,
		Traces: operationTraces{Latest: traceID(o.Latest), Slowest: traceID(o.Slowest), Failing: traceID(o.Failing)},
	}
}

func traceID(t *record.Trace) *string {
	if t == nil {
		return nil
	}
	id := t.ID.String()
	return &id
}

// costs returns estimated and actual costs, which are -1 if they are not known.
func (h *handler) costs(estimated, actual float64) cost {
	c := h.cost(estimated, estimated >= 0)
	if actual >= 0 {
		c.Actual = &actual
	}
	return c
}

// deprecatedFields returns the coordinates of the fields that are deprecated.
func (h *handler) deprecatedFields(ids []uint32, schema *ast.Schema) []string {
	out := []string{}
	for _, id := range ids {
		coordinate := h.Recorder.Coordinate(id)
		if f := fieldAt(schema, coordinate); f != nil && f.Directives.ForName("deprecated") != nil {
			out = append(out, coordinate)
		}
	}
	return out
}

type clientsResponse struct {
	Clients []clientStats `json:"clients"`
	Other   otherStats    `json:"other"`
}

type clientStats struct {
	Name              string  `json:"name"`
	Version           string  `json:"version"`
	Requests          uint64  `json:"requests"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	Errors            uint64  `json:"errors"`
	ErrorRate         float64 `json:"error_rate"`
	InFlight          int     `json:"in_flight"`
	latencies
}

func (h *handler) clients(r *http.Request) (any, error) {
	length, err := window(r, 300)
	if err != nil {
		return nil, err
	}
	list, rest := h.Recorder.Clients(seconds(length))
	slices.SortFunc(list, func(a, b record.Named) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	out := clientsResponse{Clients: []clientStats{}, Other: other(rest)}
	for _, c := range list {
		out.Clients = append(out.Clients, clientStats{
			Name: c.Name, Version: c.Version, Requests: c.Requests, RequestsPerSecond: c.PerSecond(), Errors: c.Errors, ErrorRate: c.ErrorRate(),
			InFlight: c.Running, latencies: latenciesOf(c.Stats),
		})
	}
	return out, nil
}

type errorsResponse struct {
	Errors []errorStats `json:"errors"`
}

type errorStats struct {
	Code     string    `json:"code"`
	Count    uint64    `json:"count"`
	Last     time.Time `json:"last"`
	Message  string    `json:"message"`
	Subgraph *string   `json:"subgraph"`
	Trace    *string   `json:"trace"`
}

func (h *handler) errors(r *http.Request) (any, error) {
	length, err := window(r, record.Seconds)
	if err != nil {
		return nil, err
	}
	out := errorsResponse{Errors: []errorStats{}}
	for _, e := range h.Recorder.Errors(seconds(length)) {
		one := errorStats{Code: e.Code, Count: e.Count, Last: e.Last.UTC(), Message: e.Message}
		if e.Subgraph != "" {
			one.Subgraph = &e.Subgraph
		}
		if id := e.Trace.String(); e.Trace != (record.TraceID{}) && h.Recorder.Trace(e.Trace) != nil {
			one.Trace = &id
		}
		out.Errors = append(out.Errors, one)
	}
	return out, nil
}

type usageResponse struct {
	Window int                 `json:"window"`
	Fields map[string]fieldUse `json:"fields"`
}

type fieldUse struct {
	Requests uint64   `json:"requests"`
	Clients  []string `json:"clients"`
}

func (h *handler) usage(*http.Request) (any, error) {
	out := usageResponse{Window: record.Seconds, Fields: map[string]fieldUse{}}
	for _, f := range h.Recorder.FieldUses() {
		slices.Sort(f.Clients)
		out.Fields[f.Coordinate] = fieldUse{Requests: f.Requests, Clients: list(f.Clients)}
	}
	return out, nil
}
