package verify

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// A relabelling is a rule of Prometheus for the labels of targets, samples or alerts.
type relabelling struct {
	Source []string `json:"source_labels"`
	Regex  string
	Target string `json:"target_label"`
	Action string
}

// scrapeJob are the parts of a job of Prometheus that may make it lose samples.
type scrapeJob struct {
	Name    string        `json:"job_name"`
	Timeout string        `json:"scrape_timeout"`
	Metrics []relabelling `json:"metric_relabel_configs"`
}

// The least bounds of a job that no pod of the store comes near to.
var leastLimits = map[string]float64{"sample_limit": 50_000, "target_limit": 1000, "label_limit": 64}

// checkSamples wants Prometheus to keep every sample that alerts are made of, and to hand on every
// alert as it is: without the samples, no alert fires, and nothing complains.
func (d Documents) checkSamples() error {
	var c struct {
		Global   map[string]any
		Alerting struct {
			Rules []relabelling `json:"alert_relabel_configs"`
			To    []struct {
				Rules []relabelling `json:"alert_relabel_configs"`
			} `json:"alertmanagers"`
		}
		Jobs []scrapeJob `json:"scrape_configs"`
	}
	var raw struct {
		Jobs []map[string]any `json:"scrape_configs"`
	}
	names, err := d.alertMetrics()
	if err := errors.Join(err, d.monitored("prometheus", "prometheus.yml", &c), d.monitored("prometheus", "prometheus.yml", &raw)); err != nil {
		return err
	}
	err = inContext("global", checkLimits(c.Global))
	if text, found := c.Global["scrape_timeout"]; found {
		err = errors.Join(err, within("scrape_timeout", fmt.Sprint(text), 5*time.Second, 15*time.Second))
	}
	for i, job := range c.Jobs {
		err = errors.Join(err, inContext(job.Name, checkLimits(raw.Jobs[i])))
		if job.Timeout != "" {
			err = errors.Join(err, within("scrape_timeout of "+job.Name, job.Timeout, 5*time.Second, 15*time.Second))
		}
		for _, rule := range job.Metrics {
			err = errors.Join(err, inContext("metric_relabel_configs of "+job.Name, rule.keeps(names)))
		}
	}
	rules := c.Alerting.Rules
	for _, to := range c.Alerting.To {
		rules = slices.Concat(rules, to.Rules)
	}
	for _, rule := range rules {
		if rule.Action != "" && rule.Action != "replace" || slices.Contains([]string{"alertname", "severity", "app", "subgraph", "pod", "cluster", ""}, rule.Target) {
			err = errors.Join(err, fmt.Errorf("alert_relabel_configs change or drop alerts (action %q, target_label %q); put silences and routes into alertmanager.yml", rule.Action, rule.Target))
		}
	}
	return err
}

// checkLimits wants the bounds of a job to be far above what pods have: beyond them, Prometheus
// drops the whole scrape.
func checkLimits(settings map[string]any) (err error) {
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if !strings.HasSuffix(key, "_limit") {
			continue
		}
		least, known := leastLimits[key]
		if value, _ := settings[key].(float64); !known || value != 0 && value < least {
			err = errors.Join(err, fmt.Errorf("%s is %v, so that Prometheus drops scrapes; leave it out", key, settings[key]))
		}
	}
	return err
}

// keeps wants a rule for samples to leave some metrics alone: to drop others by their names, or to
// give others labels.
func (r relabelling) keeps(names map[string]bool) error {
	pattern, err := regexp.Compile("^(?:" + r.Regex + ")$")
	if err != nil {
		return err
	}
	switch r.Action {
	case "keep":
		// Of one kind of metrics, such as those of volumes.
		kind, _, _ := strings.Cut(r.Regex, "_")
		for name := range names {
			if strings.HasPrefix(name, kind+"_") && !pattern.MatchString(name) && !pattern.MatchString(name+";ecommerce") {
				return fmt.Errorf("it drops %s, which alerts use", name)
			}
		}
		if regexp.QuoteMeta(kind) != kind || kind == "" {
			return fmt.Errorf("no check knows which metrics it keeps (%s)", r.Regex)
		}
		return nil
	case "drop", "", "replace":
		if len(r.Source) != 1 || r.Source[0] != "__name__" || r.Regex == "" {
			return fmt.Errorf("it is not for metrics of some names alone (source_labels %q, regex %q)", r.Source, r.Regex)
		}
		for name := range names {
			if pattern.MatchString(name) {
				return fmt.Errorf("it drops or changes %s, which alerts use", name)
			}
		}
		return nil
	}
	return fmt.Errorf("no check knows the action %s", r.Action)
}

var metricName = regexp.MustCompile(`\b(?:souk|istio|pg|redis|http|db|process|go|kubelet|pilot|prometheus|alertmanager|cnpg|otelcol|otel)_[a-z0-9_]+\b`)

// alertMetrics returns the metrics that the rules of souk.yml name.
func (d Documents) alertMetrics() (map[string]bool, error) {
	var rules struct {
		Groups []struct{ Rules []struct{ Expr string } }
	}
	if err := d.monitored("prometheus-rules", "souk.yml", &rules); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			for _, name := range metricName.FindAllString(rule.Expr, -1) {
				names[name] = true
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the rules of souk.yml name no metrics")
	}
	return names, nil
}

// checkQueries wants the exporter's query for the record of backups to give the metrics that alerts
// read: its columns are parts of their names.
func (d Documents) checkQueries(text string) error {
	var queries map[string]struct {
		Query   string
		Metrics []map[string]struct{ Usage string }
	}
	if err := yaml.Unmarshal([]byte(text), &queries); err != nil {
		return err
	}
	names, err := d.alertMetrics()
	if err != nil {
		return err
	}
	for query, q := range queries {
		if len(q.Metrics) == 0 {
			return fmt.Errorf("%s has no metrics", query)
		}
		for _, columns := range q.Metrics {
			for column, metric := range columns {
				if !regexp.MustCompile(`\bas ` + regexp.QuoteMeta(column) + `\b`).MatchString(q.Query) {
					return fmt.Errorf("the query of %s has no column %s", query, column)
				}
				if name := query + "_" + column; !names[name] || metric.Usage != "GAUGE" {
					return fmt.Errorf("no alert reads %s (%s)", name, metric.Usage)
				}
			}
		}
	}
	return nil
}
