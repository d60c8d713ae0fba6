package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/model/textparse"
	staleness "github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// interval is the invented time between two scrapes.
const interval = 30 * time.Second

// groups are the groups of rules in the order in which they are evaluated. In a cluster the
// order is arbitrary: an alert may see what was recorded one turn ago.
var groups = []string{"requests", "saturation", "events", "business", "slo", "istio", "alerts"}

// A prometheus is the code of Prometheus with invented time.
type prometheus struct {
	t      *testing.T
	db     *tsdb.DB
	engine *promql.Engine
	groups []*rules.Group
	now    time.Time
	// known are the series of each target's last scrape. They end when the next one
	// lacks them.
	known map[string]map[string]labels.Labels
	// fired are all alerts that fired, by name and the labels that identify them.
	fired map[string]bool
	// turns are those that are still to be replayed, which happens while the store goes on, and
	// pending counts them. failed is why the replay ended early.
	turns   chan []scrape
	pending sync.WaitGroup
	failed  error
}

// A scrape is what a target responded.
type scrape struct {
	target
	text string
	up   float64
}

// maxTurns bounds how far the replay lags behind the store.
const maxTurns = 100

func startPrometheus(t *testing.T) *prometheus {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	db, err := tsdb.Open(t.TempDir(), quiet, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	engine := promql.NewEngine(promql.EngineOpts{Logger: quiet, MaxSamples: 50_000_000, Timeout: time.Minute})
	p := &prometheus{t: t, db: db, engine: engine, now: time.Now().Truncate(time.Second), known: map[string]map[string]labels.Labels{}, fired: map[string]bool{}, turns: make(chan []scrape, maxTurns)}
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(engine, db), Appendable: db, Queryable: db, Context: t.Context(), Logger: quiet,
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	const file = "../rules/souk.yml"
	loaded, errs := manager.LoadGroups(interval, labels.EmptyLabels(), "", nil, false, file)
	if len(errs) > 0 || len(loaded) != len(groups) {
		t.Fatalf("got %d groups of rules, errors %v", len(loaded), errs)
	}
	for _, name := range groups {
		p.groups = append(p.groups, loaded[rules.GroupKey(file, name)])
	}
	go func() {
		for scraped := range p.turns {
			if p.failed == nil {
				p.failed = p.replay(scraped)
			}
			p.pending.Done()
		}
	}()
	t.Cleanup(func() {
		close(p.turns)
		p.pending.Wait()
	})
	return p
}

// turn scrapes all targets. The turn is half a minute after the last one.
func (p *prometheus) turn(targets []target) {
	p.t.Helper()
	scraped := make([]scrape, len(targets))
	var group sync.WaitGroup
	for i, target := range targets {
		group.Go(func() {
			text, err := target.metrics(p.t.Context())
			scraped[i] = scrape{target: target, text: text}
			if err == nil {
				scraped[i].up = 1
			}
		})
	}
	group.Wait()
	p.pending.Add(1)
	p.turns <- scraped
}

// replay stores what was scraped and evaluates all rules.
func (p *prometheus) replay(scraped []scrape) error {
	p.now = p.now.Add(interval)
	app := p.db.Appender(p.t.Context())
	for _, s := range scraped {
		if err := p.store(app, s); err != nil {
			return fmt.Errorf("metrics of %s: %w", s.app, err)
		}
	}
	for known := range p.known {
		if !slices.ContainsFunc(scraped, func(s scrape) bool { return s.app == known }) {
			if err := p.end(app, known, nil); err != nil { // it is no target any more
				return err
			}
		}
	}
	if err := app.Commit(); err != nil {
		return err
	}
	for _, group := range p.groups {
		group.Eval(p.t.Context(), p.now)
		for _, rule := range group.Rules() {
			if err := rule.LastError(); err != nil {
				return fmt.Errorf("rule %s: %w", rule.Name(), err)
			}
		}
		for _, rule := range group.AlertingRules() {
			for _, alert := range rule.ActiveAlerts() {
				if alert.State == rules.StateFiring {
					p.fired[describe(alert.Labels)] = true
				}
			}
		}
	}
	return nil
}

// describe returns an alert's name and the labels that identify it.
func describe(l labels.Labels) string {
	name := l.Get(labels.AlertName)
	for _, label := range []string{"app", "subgraph", "group", "result", "type", "channel", "err"} {
		if v := l.Get(label); v != "" {
			return name + " " + v
		}
	}
	return name
}

// A target is scraped.
type target struct {
	app  string
	job  string                              // pods by default
	url  string                              // serves metrics
	read func(context.Context) (text string) // an exporter's metrics, in place of those at the URL
	// servers, unless nil, returns the name in a cluster of a server's address.
	servers func(address string) string
	relabel []*relabel.Config // of the metrics
}

// store appends a target's metrics as Prometheus does: with the labels of the target, with
// up, and with the end of the series that are missing.
func (p *prometheus) store(app storage.Appender, t scrape) error {
	found := map[string]labels.Labels{}
	add := func(series labels.Labels, v float64) error {
		b := labels.NewBuilder(series)
		for name, value := range map[string]string{"job": cmp.Or(t.job, "pods"), "app": t.app, "pod": t.app + "-0", "instance": "10.0.0.1:15020", "namespace": "ecommerce", "version": "v1"} {
			b.Set(name, value)
		}
		if address := series.Get("server_address"); address != "" && t.servers != nil {
			b.Set("server_address", t.servers(address))
		}
		series = relabelled(b.Labels(), t.relabel)
		found[series.String()] = series
		_, err := app.Append(0, series, p.now.UnixMilli(), v)
		return err
	}
	parser, err := textparse.New([]byte(t.text), "text/plain", labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, v := parser.Series()
		var series labels.Labels
		parser.Labels(&series)
		if err := add(series, v); err != nil {
			return err
		}
	}
	if err := add(labels.FromStrings("__name__", "up"), t.up); err != nil {
		return err
	}
	return p.end(app, t.app, found)
}

// end ends the series of a target that its new scrape lacks.
func (p *prometheus) end(app storage.Appender, target string, found map[string]labels.Labels) error {
	for key, series := range p.known[target] {
		if _, ok := found[key]; !ok {
			if _, err := app.Append(0, series, p.now.UnixMilli(), math.Float64frombits(staleness.StaleNaN)); err != nil {
				return err
			}
		}
	}
	p.known[target] = found
	return nil
}

func (t target) metrics(ctx context.Context) (string, error) {
	if t.read != nil {
		return t.read(ctx), nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// firing returns the alerts that fired until the last turn, except Watchdog.
func (p *prometheus) firing() (all []string) {
	p.t.Helper()
	p.pending.Wait()
	if p.failed != nil {
		p.t.Fatal(p.failed)
	}
	if !p.fired["Watchdog"] {
		p.t.Error("Watchdog does not fire")
	}
	for alert := range p.fired {
		if alert != "Watchdog" {
			all = append(all, alert)
		}
	}
	slices.Sort(all)
	return all
}

// value returns the value of a query, for messages.
func (p *prometheus) value(query string) string {
	q, err := p.engine.NewInstantQuery(p.t.Context(), p.db, nil, query, p.now)
	if err != nil {
		p.t.Fatal(err)
	}
	defer q.Close()
	return strings.TrimSpace(q.Exec(p.t.Context()).String())
}
