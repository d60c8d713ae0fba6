package observability_test

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"souk/dev"
	"souk/router/telemetry"
	"souk/subgraphs"
	base "souk/telemetry"
)

// late are counters whose labels only the first request knows. The alerts use them in
// ratios of many requests, where the first one makes no difference.
var late = []string{"http_server_request_duration_seconds_count", "http_client_request_duration_seconds_count", "db_client_operation_duration_seconds_bucket"}

// A counter in an alert exists before it first counts: otherwise Prometheus sees its
// first value, and no increase. The store has had no requests when it is scraped.
func TestCountersOfAlertsStartAtZero(t *testing.T) {
	store, err := dev.Start(t.Context(), dev.Options{Listen: "127.0.0.1:0", AuthMode: "tutorial"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Stop(); err != nil {
			t.Error(err)
		}
	})
	series := scrape(t, store.URL("admin")+"/metrics")
	for _, name := range subgraphs.Names() {
		series = append(series, scrape(t, store.URL(name)+"/metrics")...)
	}
	checked := 0
	for alert, counters := range alertCounters(t) {
		for _, c := range counters {
			if slices.Contains(late, c.metric) || slices.Contains(elsewhere, c.metric) {
				continue
			}
			checked++
			found := slices.DeleteFunc(slices.Clone(series), func(s sample) bool { return !c.selects(s) })
			if len(found) == 0 {
				t.Errorf("%s: no program exports %s%s before it counts", alert, c.metric, c.labels)
			}
			for _, s := range found {
				if c.increase && s.value != 0 {
					t.Errorf("%s: %s%s is %v at the start", alert, s.metric, s.labels, s.value)
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("found only %d counters in alerts", checked)
	}
	checkCounters(t, series)
	for _, group := range []string{"notification", "order"} {
		if !slices.ContainsFunc(series, func(s sample) bool {
			return s.metric == "souk_events_handled_total" && strings.Contains(s.labels, `group="`+group+`"`) && strings.Contains(s.labels, `result="dead"`)
		}) {
			t.Errorf("the consumer group %s has no counter of dead letters", group)
		}
	}
}

// unknown are counters whose labels the router of the store does not know before they count. No
// alert reads them: only a use knows what is deprecated, and by whom it is used; the store offers no
// tools to agents, has one URL for each subgraph, no subscriptions that a broker feeds, and no
// trusted documents.
var unknown = []string{
	"souk_router_deprecated_use_total", "souk_router_mcp_calls_total", "souk_router_subgraph_url_requests_total", "souk_router_trusted_documents_total",
	"souk_router_events_total", "souk_router_event_queue_overflows_total", "souk_router_event_reconnects_total",
}

// checkCounters checks that every counter of the router, and every one of the services that a
// query uses, has a series.
func checkCounters(t *testing.T, series []sample) {
	t.Helper()
	var wanted []string
	for _, definition := range telemetry.Definitions() {
		if definition.Kind == base.Counter {
			wanted = append(wanted, definition.Name)
		}
	}
	expressions, _ := queries(t)
	for _, expression := range expressions {
		for _, name := range names(expression) {
			if strings.HasPrefix(name, "souk_") && strings.HasSuffix(name, "_total") {
				wanted = append(wanted, name)
			}
		}
	}
	wanted = slices.DeleteFunc(wanted, func(name string) bool { return slices.Contains(unknown, name) })
	slices.Sort(wanted)
	for _, name := range slices.Compact(wanted) {
		if !slices.ContainsFunc(series, func(s sample) bool { return s.metric == name }) {
			t.Errorf("no program exports %s before it counts", name)
		}
	}
}

// A sample is one line of /metrics.
type sample struct {
	metric, labels string
	value          float64
}

var line = regexp.MustCompile(`^(\w+)(\{.*\})? (\S+)$`)

func scrape(t *testing.T, url string) (all []sample) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if m := line.FindStringSubmatch(lines.Text()); m != nil {
			value, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, sample{metric: m[1], labels: m[2], value: value})
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no metrics: status %d", url, response.StatusCode)
	}
	return all
}

// A counter is one that an alert uses, with its matchers of labels.
type counter struct {
	metric, labels string
	increase       bool // the alert fires when it counts
}

var matcher = regexp.MustCompile(`(\w+)=~?"([^"]*)"`)

func (c counter) selects(s sample) bool {
	if s.metric != c.metric {
		return false
	}
	for _, m := range matcher.FindAllStringSubmatch(c.labels, -1) {
		if m[1] == "app" { // Prometheus adds it
			continue
		}
		if !regexp.MustCompile(m[1] + `="(` + m[2] + `)"`).MatchString(s.labels) {
			return false
		}
	}
	return true
}

// alertCounters returns the counters of each alert, also those of the rules that it uses.
func alertCounters(t *testing.T) map[string][]counter {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	text, err := os.ReadFile("rules/souk.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	recorded := map[string]string{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			recorded[rule.Record] = rule.Expr
		}
	}
	ranges := regexp.MustCompile(`(\w+)\((\w+)(\{[^}]*\})?\[`)
	found := map[string][]counter{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			pending := []string{rule.Expr}
			for len(pending) > 0 {
				expression := pending[0]
				pending = pending[1:]
				for _, m := range ranges.FindAllStringSubmatch(expression, -1) {
					found[rule.Alert] = append(found[rule.Alert], counter{metric: m[2], labels: m[3], increase: m[1] == "increase"})
				}
				for _, name := range names(expression) {
					if inner, ok := recorded[name]; ok {
						pending = append(pending, inner)
					}
				}
			}
		}
	}
	return found
}
