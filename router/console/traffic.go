package console

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"souk/router/console/record"
)

// window returns the parameter window in seconds: from 60 to 3600.
func window(r *http.Request, otherwise int) (int, error) {
	return number(r, "window", otherwise, 60, record.Seconds)
}

// number returns a parameter that is a whole number.
func number(r *http.Request, name string, otherwise, least, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, &problem{status: http.StatusBadRequest, detail: fmt.Sprintf("%s must be a number from %d to %d.", name, least, most)}
	}
	return n, nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// A trafficResponse has the traffic of a window in steps. All lists have one value for each
// step: nil in steps before the router started.
type trafficResponse struct {
	Window int `json:"window"`
	Step   int `json:"step"`
	// Times are the beginnings of the steps, in seconds since 1970.
	Times         []int64    `json:"times"`
	Requests      []*float64 `json:"requests"` // per second
	Errors        []*float64 `json:"errors"`   // per second
	P50           []*float64 `json:"p50"`
	P95           []*float64 `json:"p95"`
	P99           []*float64 `json:"p99"`
	InFlight      []*float64 `json:"in_flight"`
	Subscriptions []*float64 `json:"subscriptions"`
	CacheHitRate  []*float64 `json:"cache_hit_rate"`
	Shed          []*float64 `json:"shed"` // per second
	Totals        totals     `json:"totals"`
}

type totals struct {
	Requests          uint64  `json:"requests"`
	Errors            uint64  `json:"errors"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	ErrorRate         float64 `json:"error_rate"`
	latencies
	InFlight      float64  `json:"in_flight"`
	Subscriptions float64  `json:"subscriptions"`
	CacheHitRate  *float64 `json:"cache_hit_rate"`
	Shed          uint64   `json:"shed"`
	// Uncounted are operations that no figure includes, because there were too many at once.
	Uncounted uint64 `json:"uncounted"`
}

func (h *handler) traffic(r *http.Request) (any, error) {
	length, err := window(r, 300)
	if err != nil {
		return nil, err
	}
	t := h.Recorder.Traffic(length)
	n := len(t.Points)
	out := trafficResponse{
		Window: t.Window, Step: t.Step, Times: make([]int64, n), Requests: make([]*float64, n), Errors: make([]*float64, n), P50: make([]*float64, n),
		P95: make([]*float64, n), P99: make([]*float64, n), InFlight: make([]*float64, n), Subscriptions: make([]*float64, n), CacheHitRate: make([]*float64, n), Shed: make([]*float64, n),
	}
	for i, p := range t.Points {
		out.Times[i] = p.Time
		if p.Time+int64(t.Step) <= h.Started.Unix() {
			continue
		}
		step := float64(t.Step)
		requests, errors, shed := float64(p.Requests)/step, float64(p.Errors)/step, float64(p.Shed)/step
		out.Requests[i], out.Errors[i], out.Shed[i] = &requests, &errors, &shed
		took := latenciesOf(p.Stats)
		out.P50[i], out.P95[i], out.P99[i] = took.P50, took.P95, took.P99
		out.InFlight[i], out.Subscriptions[i] = &p.InFlight, &p.Subscriptions
		out.CacheHitRate[i] = hitRate(p.Stats)
	}
	now := h.figures()
	out.Totals = totals{
		Requests: t.Total.Requests, Errors: t.Total.Errors, RequestsPerSecond: t.Total.PerSecond(), ErrorRate: t.Total.ErrorRate(),
		latencies: latenciesOf(t.Total),
		InFlight:  now.sum("souk_router_operations_in_flight"), Subscriptions: now.sum("souk_router_subscriptions_active"),
		CacheHitRate: hitRate(t.Total), Shed: t.Shed, Uncounted: h.Recorder.Dropped(),
	}
	return out, nil
}

// hitRate returns the part of the lookups in the entity cache that found something, or nil if
// there were none.
func hitRate(s record.Stats) *float64 {
	if s.Looked == 0 {
		return nil
	}
	rate := float64(s.Found) / float64(s.Looked)
	return &rate
}
