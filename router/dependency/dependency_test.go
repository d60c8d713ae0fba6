package dependency_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"souk/router/dependency"
	"souk/router/telemetry"
)

// A world is a Set with its own clock and log.
type world struct {
	*dependency.Set
	now      time.Time
	log      bytes.Buffer
	registry *prometheus.Registry
}

func newWorld() *world {
	w := &world{now: time.Unix(1_800_000_000, 0), registry: prometheus.NewRegistry()}
	w.Set = dependency.NewSet(dependency.Options{
		Logger: slog.New(slog.NewJSONHandler(&w.log, nil)), Metrics: telemetry.New(w.registry), Now: func() time.Time { return w.now },
	})
	return w
}

// A line is a line of the log.
type line struct {
	Level, Msg, Dependency, Error, Effect string
	Failures                              int
	DownFor                               string `json:"down_for"`
}

// lines returns what was logged since the last call.
func (w *world) lines(t *testing.T) []line {
	t.Helper()
	var list []line
	for d := json.NewDecoder(&w.log); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// series returns the metrics of dependencies as "name label value".
func (w *world) series(t *testing.T) []string {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "souk_router_dependency_") {
			continue
		}
		for _, m := range f.GetMetric() {
			list = append(list, fmt.Sprint(strings.TrimPrefix(f.GetName(), "souk_router_dependency_"), " ", m.GetLabel()[1].GetValue(), " ", m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	return list
}

func TestLastingFailureIsLoggedOncePerMinute(t *testing.T) {
	w := newWorld()
	d := w.Open(dependency.Redis, "cache", dependency.Use{Effect: "slower"})
	refused := errors.New("connection refused")
	for range 600 { // ten minutes with one failure per second
		d.Failed(t.Context(), refused)
		w.now = w.now.Add(time.Second)
	}
	d.Succeeded(t.Context())
	d.Succeeded(t.Context())
	got := w.lines(t)
	if len(got) != 11 {
		t.Fatalf("%d lines, want 11: %+v", len(got), got)
	}
	for i, want := range map[int]line{
		0:  {Level: "WARN", Msg: "dependency failed", Dependency: "redis/cache", Error: "connection refused", Effect: "slower"},
		1:  {Level: "WARN", Msg: "dependency still failing", Dependency: "redis/cache", Error: "connection refused", Effect: "slower", Failures: 60, DownFor: "1m0s"},
		10: {Level: "INFO", Msg: "dependency recovered", Dependency: "redis/cache", Failures: 600, DownFor: "10m0s"},
	} {
		if got[i] != want {
			t.Errorf("line %d:\n%+v, want\n%+v", i, got[i], want)
		}
	}
}

// TestAlternatingFailuresAreLoggedRarely checks that a dependency that fails every
// other time changes its state each time but does not fill the log.
func TestAlternatingFailuresAreLoggedRarely(t *testing.T) {
	w := newWorld()
	d := w.Open(dependency.Subgraph, "product", dependency.Use{})
	for range 600 { // one minute
		d.Failed(t.Context(), errors.New("EOF"))
		if w.Status()[0].State != dependency.Down {
			t.Fatal("the state is not DOWN after a failure")
		}
		d.Succeeded(t.Context())
		if w.Status()[0].State != dependency.Up {
			t.Fatal("the state is not UP after a success")
		}
		w.now = w.now.Add(100 * time.Millisecond)
	}
	if got := w.lines(t); len(got) != 12 { // a failure and a recovery every 10 s
		t.Errorf("%d lines, want 12: %+v", len(got), got)
	}
}

func TestRecoveryWaitsUntilFailuresHaveSettled(t *testing.T) {
	w := newWorld()
	d := w.Open(dependency.Redis, "cache", dependency.Use{Settle: 5 * time.Second})
	d.Failed(t.Context(), errors.New("i/o timeout"))
	for range 20 {
		w.now = w.now.Add(time.Second)
		d.Failed(t.Context(), errors.New("i/o timeout"))
		d.Succeeded(t.Context())
	}
	if got := w.Status()[0].State; got != dependency.Down {
		t.Errorf("the state is %s while failures continue, want DOWN", got)
	}
	w.now = w.now.Add(5 * time.Second)
	d.Succeeded(t.Context())
	if got := w.Status()[0].State; got != dependency.Up {
		t.Errorf("the state is %s 5 s after the last failure, want UP", got)
	}
	if got := w.lines(t); len(got) != 2 {
		t.Errorf("logged %+v, want the failure and the recovery", got)
	}
}

func TestCancellationIsNotAFailure(t *testing.T) {
	w := newWorld()
	d := w.Open(dependency.Subgraph, "product", dependency.Use{})
	d.Observe(t.Context(), fmt.Errorf("fetch: %w", context.Canceled))
	if s := w.Status()[0]; s.State != dependency.Unknown || !s.Since.IsZero() || w.log.Len() > 0 {
		t.Errorf("status %+v, log %s; want neither a state nor a log line", s, &w.log)
	}
}

func TestStatusAndMetricsListOpenDependencies(t *testing.T) {
	w := newWorld()
	product := w.Open(dependency.Subgraph, "product", dependency.Use{})
	cache := w.Open(dependency.Redis, "cache", dependency.Use{})
	w.Open(dependency.JWKS, "keys", dependency.Use{})
	product.Failed(t.Context(), errors.New("refused"))
	cache.Succeeded(t.Context())
	var states []string
	for _, s := range w.Status() {
		states = append(states, fmt.Sprintf("%s/%s %s", s.Kind, s.Name, s.State))
	}
	if want := []string{"jwks/keys UNKNOWN", "redis/cache UP", "subgraph/product DOWN"}; !slices.Equal(states, want) {
		t.Errorf("got %v, want %v", states, want)
	}
	if got, want := w.series(t), []string{"failures_total keys 0", "failures_total cache 0", "failures_total product 1", "up cache 1", "up product 0"}; !slices.Equal(got, want) {
		t.Errorf("got the metrics %v, want %v", got, want)
	}
}

// TestStateSurvivesReload checks that a dependency keeps its state when a new
// configuration opens it before the old one closes it.
func TestStateSurvivesReload(t *testing.T) {
	w := newWorld()
	old := w.Open(dependency.Subgraph, "product", dependency.Use{})
	old.Failed(t.Context(), errors.New("refused"))
	w.Open(dependency.Subgraph, "product", dependency.Use{})
	old.Close()
	if s := w.Status(); len(s) != 1 || s[0].State != dependency.Down {
		t.Errorf("status after the reload: %+v", s)
	}
	gone := w.Open(dependency.Subgraph, "gone", dependency.Use{})
	gone.Failed(t.Context(), errors.New("refused"))
	gone.Close()
	gone.Succeeded(t.Context()) // from a request still in flight
	if s := w.Status(); len(s) != 1 {
		t.Errorf("a closed dependency is still in the status: %+v", s)
	}
	if got := strings.Join(w.series(t), "\n"); strings.Contains(got, "gone") {
		t.Errorf("a closed dependency still has metrics:\n%s", got)
	}
}

func TestSuccessDoesNotAllocate(t *testing.T) {
	d := newWorld().Open(dependency.Subgraph, "product", dependency.Use{})
	if n := testing.AllocsPerRun(100, func() { d.Observe(t.Context(), nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNilDependencyIgnoresEverything(t *testing.T) {
	var none *dependency.Set
	d := none.Open(dependency.Redis, "cache", dependency.Use{})
	none.Hide("secret")
	d.Observe(t.Context(), nil)
	d.Observe(t.Context(), errors.New("refused"))
	d.Record(errors.New("refused"))
	d.Close()
	if none.Status() != nil {
		t.Error("a nil Set has a status")
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	const secret = "hunter2-tops3cret"
	_, badURL := redis.ParseURL("redis://default:" + secret + " with a space@localhost:notaport")
	_, badHost := url.Parse(fmt.Sprintf("https://user:%s@host%c/", secret, 0x7f))
	for name, err := range map[string]error{
		"an invalid Redis URL":            badURL,
		"an invalid URL":                  badHost,
		"a URL":                           errors.New("Get https://me:" + secret + "@keys.example/jwks: EOF"),
		"a URL with an @ in its password": errors.New("dial redis://me:a@" + secret + "@host:6379/0 failed"),
		"a parameter of a URL":            errors.New("GET https://keys.example/jwks?kid=1&access_token=" + secret + "&x=1: 403"),
		"a header":                        errors.New("the proxy refused Authorization: Bearer " + secret),
		"a token":                         errors.New("cannot verify eyJhbGciOiJ9.eyJzdWIiOiJ9." + secret),
		"a connection string":             errors.New("failed: host=db user=me password=" + secret),
		"an argument repeated by Redis":   errors.New("ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'default' '" + secret + "'"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.Hide(secret, "the") // the second is too short to be searched for
			if name != "an argument repeated by Redis" {
				w = newWorld() // unknown secrets are found by their form
			}
			w.Open(dependency.Redis, "cache", dependency.Use{}).Failed(t.Context(), err)
			if log := w.log.String(); strings.Contains(log, secret) || !strings.Contains(log, "xxxxx") {
				t.Errorf("the log contains the secret or no xxxxx: %s", log)
			}
		})
	}
}

func TestLoggedCauseIsBounded(t *testing.T) {
	w := newWorld()
	w.Open(dependency.JWKS, "keys", dependency.Use{}).Failed(t.Context(), errors.New(strings.Repeat("ä\n", 100_000)))
	if got := w.lines(t)[0].Error; len(got) > 1100 || strings.Contains(got, "\n") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("the logged cause has %d bytes, a line break or an invalid character", len(got))
	}
}
