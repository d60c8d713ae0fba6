package top

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// A Snapshot is what the console shows at a moment. Parts that the router does not have are
// zero.
type Snapshot struct {
	Info          Info
	Traffic       Traffic
	Operations    []Operation
	Other         Other
	Subgraphs     []Subgraph
	Clients       []Caller
	Errors        []Failure
	Cache         Cache
	Subscriptions Subscriptions
	Events        *Events

	raw map[string]json.RawMessage // the responses by resource
}

// Info describes the router.
type Info struct {
	Version  string
	Dev      bool
	Started  time.Time
	Now      time.Time
	Replica  string
	Features struct{ Events bool }
}

// Traffic has the figures of the whole router. Durations are in seconds.
type Traffic struct {
	Window   float64
	Requests steps // per second
	Shed     steps // per second
	Totals   struct {
		Requests float64
		Errors   float64
		Rate     float64 `json:"requests_per_second"`
		Latencies
		InFlight  float64  `json:"in_flight"`
		Streams   float64  `json:"subscriptions"`
		CacheHits *float64 `json:"cache_hit_rate"`
	}
}

// Operation has the figures of an operation.
type Operation struct {
	Hash      string
	Name      string
	Kind      string
	Requests  float64
	Rate      float64 `json:"requests_per_second"`
	Errors    float64
	ErrorRate float64 `json:"error_rate"`
	InFlight  float64 `json:"in_flight"`
	Latencies
	Total      float64  `json:"total_time"`
	Fetches    float64  `json:"fetches_per_request"`
	CacheHits  *float64 `json:"cache_hit_rate"`
	Cost       struct{ Estimated, Actual *float64 }
	Deprecated []string `json:"deprecated_fields"`
	Document   string
	Traces     struct{ Latest, Slowest, Failing string }
}

// Other has the figures of the operations without a row of their own.
type Other struct {
	Requests  float64
	Rate      float64 `json:"requests_per_second"`
	Errors    float64
	ErrorRate float64 `json:"error_rate"`
	Rejected  float64 // before their operation was known
	InFlight  float64 `json:"in_flight"`
	Latencies
}

// Subgraph has the figures of a subgraph.
type Subgraph struct {
	Name      string
	URL       string
	Health    string
	Breaker   string
	Error     string
	Since     time.Time
	Rate      float64 `json:"requests_per_second"`
	ErrorRate float64 `json:"error_rate"`
	Latencies
	InFlight float64 `json:"in_flight"`
	Shared   float64
	Refused  float64
	Retries  float64
}

// Latencies are in seconds. They are nil where nothing was measured.
type Latencies struct{ P50, P95, P99 *float64 }

// Caller has the figures of a client application.
type Caller struct {
	Name     string
	Version  string
	Requests float64
	Rate     float64 `json:"requests_per_second"`
	Errors   float64
	InFlight float64 `json:"in_flight"`
	Latencies
}

// Failure counts an error code.
type Failure struct {
	Code     string
	Count    float64
	Last     time.Time
	Message  string
	Subgraph string
	Trace    string
}

// Cache has the figures of the entity cache.
type Cache struct {
	Entity struct {
		Enabled bool
		HitRate *float64 `json:"hit_rate"`
	}
}

// Subscriptions counts open subscriptions.
type Subscriptions struct{ Open float64 }

// Events is the state of a store's events. What is not known is nil.
type Events struct {
	Outbox []struct {
		Service string
		Pending *float64 // nil if the service does not report
	}
	Dead []struct{ Service, Type, Error string }
}

// A Trace is a recorded operation. Times are in seconds from its start.
type Trace struct {
	ID        string
	Time      time.Time
	Operation struct{ Name, Hash, Kind string }
	Client    struct{ Name, Version string }
	Duration  float64
	Status    int
	Errors    []struct{ Message, Code string }
	Stages    []struct {
		Name            string
		Start, Duration float64
	}
	Fetches []Fetch
}

// A Fetch is a request to a subgraph in a trace.
type Fetch struct {
	ID       json.RawMessage // a number or a string
	Subgraph string
	Start    float64
	Duration float64
	Status   int
	Received float64
	Entities float64
	Outcome  string
	Retries  int
	Error    string
	Critical bool
}

// parts are the resources of a snapshot and where their content goes.
func (s *Snapshot) parts() map[string]any {
	return map[string]any{
		"info":    &s.Info,
		"traffic": &s.Traffic,
		"operations": &struct {
			Operations *[]Operation
			Other      *Other
		}{&s.Operations, &s.Other},
		"subgraphs":     &struct{ Subgraphs *[]Subgraph }{&s.Subgraphs},
		"clients":       &struct{ Clients *[]Caller }{&s.Clients},
		"errors":        &struct{ Errors *[]Failure }{&s.Errors},
		"cache":         &s.Cache,
		"subscriptions": &s.Subscriptions,
		"events":        &s.Events,
	}
}

// decode decodes the responses of the API.
func (s *Snapshot) decode(raw map[string]json.RawMessage) error {
	s.raw = raw
	for name, into := range s.parts() {
		if raw[name] == nil {
			continue
		}
		if err := json.Unmarshal(raw[name], into); err != nil {
			return fmt.Errorf("decoding /%s: %w; is the router of another version?", name, err)
		}
	}
	return nil
}

// windowed are the resources with figures of a window of time.
var windowed = map[string]bool{"traffic": true, "operations": true, "clients": true, "errors": true, "subgraphs": true}

// Snapshot reads the figures of the last window.
func (c *Client) Snapshot(ctx context.Context, window time.Duration) (Snapshot, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		s    Snapshot
		all  sync.WaitGroup
		mu   sync.Mutex
		raw  = map[string]json.RawMessage{}
		fail error
	)
	for name := range s.parts() {
		query := url.Values{}
		if windowed[name] {
			query.Set("window", strconv.Itoa(int(window.Seconds())))
		}
		all.Go(func() {
			body, err := c.get(ctx, "/"+name, query)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				raw[name] = body
			case errors.Is(err, errNotFound) && name == "info":
				fail = fmt.Errorf("the router at %s has no console; set admin.console.enabled: true in its configuration, or --url to its admin port", c.URL)
				cancel()
			case errors.Is(err, errNotFound) || name == "events": // the router has no such part, or the services do not respond
			case fail == nil:
				fail = err
				cancel()
			}
		})
	}
	all.Wait()
	if fail != nil {
		return s, fail
	}
	return s, s.decode(raw)
}

// steps are figures of equal steps of time, without those before the router started.
type steps []float64

func (s *steps) UnmarshalJSON(text []byte) error {
	var all []*float64
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*s = nil
	for _, figure := range all {
		if figure != nil {
			*s = append(*s, *figure)
		}
	}
	return nil
}
