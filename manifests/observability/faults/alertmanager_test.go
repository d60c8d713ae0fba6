package faults

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
)

const configuration = "../config/alertmanager.yml"

// An alertmanager is the code of Alertmanager, with receivers of the test.
type alertmanager struct {
	t      *testing.T
	alerts *mem.Alerts

	mu       sync.Mutex
	received map[string][]string // the descriptions of alerts by receiver
}

func startAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	m := &alertmanager{t: t, received: map[string][]string{}}
	c := m.load()
	quiet := slog.New(slog.DiscardHandler)
	registry := client.NewRegistry()
	var recorder eventrecorder.Recorder
	var err error
	if m.alerts, err = mem.NewAlerts(t.Context(), time.Hour, 0, nil, quiet, recorder, registry, featurecontrol.NoopFlags{}); err != nil {
		t.Fatal(err)
	}
	templates, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	templates.ExternalURL = &url.URL{Scheme: "http", Host: "alertmanager:9093"}
	receivers := map[string][]notify.Integration{}
	for _, r := range c.Receivers {
		if receivers[r.Name], err = receiver.BuildReceiverIntegrations(r, templates, quiet); err != nil {
			t.Fatal(err)
		}
	}
	silences, err := silence.New(silence.Options{Retention: time.Hour, Logger: quiet, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	notifications, err := nflog.New(nflog.Options{Retention: time.Hour, Logger: quiet, Metrics: registry})
	if err != nil {
		t.Fatal(err)
	}
	groups := marker.NewGroupMarker()
	inhibitor := inhibit.NewInhibitor(m.alerts, c.InhibitRules, quiet, recorder)
	stages := notify.NewPipelineBuilder(registry, featurecontrol.NoopFlags{}, recorder).New(receivers, func() time.Duration { return 0 }, inhibitor,
		silence.NewSilencer(silences, quiet, recorder), timeinterval.NewIntervener(nil), groups, notifications, nil)
	dispatcher := dispatch.NewDispatcher(m.alerts, dispatch.NewRoute(c.Route, nil), stages, groups, func(d time.Duration) time.Duration { return max(d, time.Minute) }, time.Minute, nil, quiet, recorder, nil)
	var running sync.WaitGroup
	running.Go(inhibitor.Run)
	inhibitor.WaitForLoading()
	running.Go(func() { dispatcher.Run(time.Now()) })
	t.Cleanup(func() {
		dispatcher.Stop()
		inhibitor.Stop()
		running.Wait()
		m.alerts.Close()
	})
	return m
}

// load reads the configuration of the manifests. Only the directory of the receivers'
// addresses differs, and nothing is waited for.
func (m *alertmanager) load() *config.Config {
	m.t.Helper()
	text, err := os.ReadFile(configuration)
	if err != nil {
		m.t.Fatal(err)
	}
	dir := m.t.TempDir()
	changed := strings.ReplaceAll(string(text), "/etc/alertmanager-receivers", dir)
	changed = strings.ReplaceAll(changed, "group_wait: 30s", "group_wait: 1s")
	c, err := config.Load(changed)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range c.Receivers {
		server := httptest.NewServer(m.receive(r.Name))
		m.t.Cleanup(server.Close)
		if err := os.WriteFile(filepath.Join(dir, r.Name), []byte(server.URL), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	return c
}

func (m *alertmanager) receive(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []struct {
				Status string
				Labels map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, a := range message.Alerts {
			m.received[name] = append(m.received[name], strings.TrimSpace(a.Labels["alertname"]+" "+a.Labels["app"]))
		}
	})
}

// fire sends alerts, each as "severity name label=value...".
func (m *alertmanager) fire(alerts ...string) {
	m.t.Helper()
	for _, text := range alerts {
		words := strings.Fields(text)
		l := model.LabelSet{"severity": model.LabelValue(words[0]), "alertname": model.LabelValue(words[1])}
		for _, word := range words[2:] {
			name, value, _ := strings.Cut(word, "=")
			l[model.LabelName(name)] = model.LabelValue(value)
		}
		now := time.Now()
		if err := m.alerts.Put(m.t.Context(), &alert.Alert{Alert: model.Alert{Labels: l, StartsAt: now, EndsAt: now.Add(time.Hour)}, UpdatedAt: now}); err != nil {
			m.t.Fatal(err)
		}
	}
}

// got returns what a receiver has received, without repetitions.
func (m *alertmanager) got(name string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.received[name])
	slices.Sort(list)
	return slices.Compact(list)
}

// Alerts reach the receiver of their severity, and Watchdog reaches a receiver of its own. What
// a fault of a service causes for the same service reaches nobody. What customers notice, and
// the faults of other services, arrive all the same.
func TestAlertsReachTheirReceivers(t *testing.T) {
	m := startAlertmanager(t)
	m.fire("page TargetDown app=product-service", "page TargetDown app=notification-service pod=one-of-two", "page TargetDown app=redis", "page TargetDown app=user-postgres", // before what they inhibit
		"page PostgresAway app=user-service", "page PostgresAway app=payment-service pod=one-of-two", "page RedisAway app=payment-service pod=one-of-two", "page RedisAway app=order-service", "page RedisAway app=user-service", "page UnansweredFastBurn")
	m.fire("page SubgraphBreakerOpen app=product-service subgraph=product", "page SubgraphBreakerOpen app=user-service subgraph=user",
		"page SubgraphBreakerOpen app=notification-service subgraph=notification",
		"page SubgraphBreakerOpen app=payment-service subgraph=payment", "page OutboxStuck app=payment-service", "ticket StatementsTimeOut app=payment-service",
		"page OutboxStuck app=order-service", "ticket StatementsTimeOut app=user-service", "ticket UnansweredSlowBurn")
	m.fire("none Watchdog", "page OrdersFail", "page SubgraphBreakerOpen app=inventory-service subgraph=inventory", "page ServiceErrors app=order-service",
		"page ServiceErrors app=product-service", "page OutboxStuck app=inventory-service", "page RedisFull", "ticket EntityCacheAway", "ticket DeadLetters group=notification",
		"ticket LockWaits app=order-service", "ticket StatementsTimeOut app=order-service")
	want := map[string][]string{
		"dead-man": {"Watchdog"},
		"page": {
			"OrdersFail", "OutboxStuck inventory-service", "OutboxStuck payment-service", "PostgresAway payment-service", "PostgresAway user-service",
			"RedisAway order-service", "RedisAway payment-service", "RedisAway user-service", "RedisFull",
			"ServiceErrors order-service", "ServiceErrors product-service", "SubgraphBreakerOpen inventory-service",
			"SubgraphBreakerOpen notification-service", "SubgraphBreakerOpen payment-service", "TargetDown notification-service", "TargetDown product-service", "TargetDown redis", "TargetDown user-postgres", "UnansweredFastBurn",
		},
		"ticket": {"DeadLetters", "EntityCacheAway", "LockWaits order-service", "StatementsTimeOut order-service", "StatementsTimeOut payment-service"},
	}
	for name, alerts := range want {
		eventually(t, fmt.Sprintf("%s receives %q", name, alerts), func() bool { return len(m.got(name)) >= len(alerts) })
	}
	// What is inhibited would have arrived with the others: the groups wait equally long. A
	// last alert shows that the dispatcher has passed them.
	m.fire("page SupergraphRefused app=api-gateway")
	want["page"] = append(want["page"], "SupergraphRefused api-gateway")
	slices.Sort(want["page"])
	eventually(t, "the last alert arrives", func() bool { return slices.Contains(m.got("page"), "SupergraphRefused api-gateway") })
	for name, alerts := range want {
		if got := m.got(name); !slices.Equal(got, alerts) {
			t.Errorf("%s received %q, want %q", name, got, alerts)
		}
	}
}

// What is wrong with the alerts themselves reaches both receivers: one may be what fails.
func TestAlertsAboutAlertsReachEveryReceiver(t *testing.T) {
	m := startAlertmanager(t)
	m.fire("page NotificationsFail receiver_name=page", "page RulesFail rule_group=slo", "page MonitoringRefused app=prometheus", "ticket DeadLetters")
	for name, want := range map[string][]string{
		"page":   {"MonitoringRefused prometheus", "NotificationsFail", "RulesFail"},
		"ticket": {"DeadLetters", "MonitoringRefused prometheus", "NotificationsFail", "RulesFail"},
	} {
		eventually(t, name+" receives them", func() bool { return len(m.got(name)) >= len(want) })
		if got := m.got(name); !slices.Equal(got, want) {
			t.Errorf("%s received %q, want %q", name, got, want)
		}
	}
}

// An inhibition holds for one service or objective, and never for what customers notice. A
// service that is down is muted only by an alert that all its pods are.
func TestNoAlertOfOneServiceMutesAnother(t *testing.T) {
	c := (&alertmanager{t: t, received: map[string][]string{}}).load()
	for _, rule := range c.InhibitRules {
		if len(rule.Equal) == 0 {
			t.Errorf("the inhibition of %v by %v has no labels that must be equal", rule.TargetMatchers, rule.SourceMatchers)
		}
		targets := []string{"UnansweredFastBurn", "SlowFastBurn", "OrdersFail", "OrdersRefused", "ServiceErrors", "TargetDown"}
		source, muted := fmt.Sprint(rule.SourceMatchers), fmt.Sprint(rule.TargetMatchers)
		if strings.Contains(source, `"GatewayAway"`) && strings.Contains(muted, `app=~"istio-ingressgateway|souk-gateway"`) ||
			strings.Contains(source, `"IstiodAway"`) && strings.Contains(muted, `app="istiod"`) {
			targets = targets[:len(targets)-1]
		}
		for _, target := range targets {
			for _, m := range rule.TargetMatchers {
				if m.Name == "alertname" && m.Matches(target) {
					t.Errorf("%v mutes %s", rule.SourceMatchers, target)
				}
			}
		}
	}
}

// The inhibitions name alerts that exist, and each severity of the rules has a route.
func TestAlertmanagerKnowsTheAlerts(t *testing.T) {
	rules, err := os.ReadFile("../rules/souk.yml")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{}
	for _, m := range regexp.MustCompile(`(?m)^      - alert: (\w+)$`).FindAllStringSubmatch(string(rules), -1) {
		known = append(known, m[1])
	}
	c := (&alertmanager{t: t, received: map[string][]string{}}).load()
	for _, rule := range c.InhibitRules {
		for _, m := range append(slices.Clone(rule.SourceMatchers), rule.TargetMatchers...) {
			if m.Name != "alertname" {
				continue
			}
			for name := range strings.SplitSeq(m.Value, "|") {
				if !slices.Contains(known, name) {
					t.Errorf("an inhibition names %s, which is no alert", name)
				}
			}
		}
	}
	route := dispatch.NewRoute(c.Route, nil)
	for severity, want := range map[string]string{"page": "page", "ticket": "ticket"} {
		if !strings.Contains(string(rules), "severity: "+severity) {
			t.Errorf("no alert has the severity %s", severity)
		}
		if got := route.Match(model.LabelSet{"alertname": "A", "severity": model.LabelValue(severity)}); len(got) != 1 || got[0].RouteOpts.Receiver != want {
			t.Errorf("severity %s: got routes %v", severity, got)
		}
	}
	for _, m := range regexp.MustCompile(`severity: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		if !slices.Contains([]string{"page", "ticket", "none"}, m[1]) {
			t.Errorf("the severity %s has no route", m[1])
		}
	}
}
