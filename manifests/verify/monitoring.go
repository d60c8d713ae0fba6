package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// checkWatch wants the monitoring to look often, to keep what it sees, to tell somebody soon, and
// to be closed to strangers.
func (d Documents) checkWatch(pods []*corev1.Pod) error {
	return errors.Join(inContext("prometheus.yml", d.checkPrometheus(), d.checkSamples()), inContext("alertmanager.yml", d.checkAlertmanager()),
		inContext("collector.yaml", d.checkCollector()), inContext("sampling_strategies.json", d.checkSampling()), checkTools(pods))
}

// monitored reads a file of a ConfigMap of the monitoring.
func (d Documents) monitored(name, key string, into any) error {
	texts := d.values("ConfigMap", "istio-system", name, key)
	if len(texts) != 1 {
		return fmt.Errorf("the ConfigMap %s has no %s", name, key)
	}
	return yaml.Unmarshal([]byte(texts[0]), into)
}

// within wants a duration, as Prometheus writes it, between two.
func within(what, text string, least, most time.Duration) error {
	number := text
	unit := time.Duration(1)
	if days, found := strings.CutSuffix(text, "d"); found {
		number, unit = days+"h", 24
	}
	value, err := time.ParseDuration(number)
	if err != nil || value*unit < least || value*unit > most {
		return fmt.Errorf("%s is %q and not between %s and %s", what, text, least, most)
	}
	return nil
}

// checkPrometheus wants samples and evaluations often enough for alerts of a minute.
func (d Documents) checkPrometheus() error {
	var c struct {
		Global struct {
			Scrape   string            `json:"scrape_interval"`
			Evaluate string            `json:"evaluation_interval"`
			Labels   map[string]string `json:"external_labels"`
		}
		Jobs []struct {
			Name     string `json:"job_name"`
			Interval string `json:"scrape_interval"`
			Honor    bool   `json:"honor_labels"`
		} `json:"scrape_configs"`
	}
	if err := d.monitored("prometheus", "prometheus.yml", &c); err != nil {
		return err
	}
	err := errors.Join(within("scrape_interval", c.Global.Scrape, 5*time.Second, 30*time.Second), within("evaluation_interval", c.Global.Evaluate, 5*time.Second, 30*time.Second))
	for _, job := range c.Jobs {
		if job.Interval != "" {
			err = errors.Join(err, within("scrape_interval of "+job.Name, job.Interval, 5*time.Second, 30*time.Second))
		}
		if job.Honor {
			err = errors.Join(err, fmt.Errorf("a pod may give metrics of %s the labels of another", job.Name))
		}
	}
	if c.Global.Labels["cluster"] == "" {
		err = errors.Join(err, errors.New("alerts do not say of which cluster they are"))
	}
	return err
}

// checkCollector wants the collector to bound its memory first, to hand traces on in batches, and
// to try again for a while, and all pods to reach it.
func (d Documents) checkCollector() error {
	var c struct {
		Extensions struct {
			Health struct{ Endpoint string } `json:"health_check"`
		}
		Receivers struct {
			OTLP struct {
				Protocols map[string]struct{ Endpoint string }
			}
		}
		Processors struct {
			Memory struct {
				Limit int `json:"limit_percentage"`
				Spike int `json:"spike_limit_percentage"`
			} `json:"memory_limiter"`
			Batch struct {
				Timeout string
				Size    int `json:"send_batch_size"`
			}
		}
		Exporters map[string]struct {
			Retry struct {
				Enabled bool
				Elapsed string `json:"max_elapsed_time"`
			} `json:"retry_on_failure"`
		}
		Service struct {
			Telemetry struct{ Logs struct{ Level string } }
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	if err := d.monitored("otel-collector", "collector.yaml", &c); err != nil {
		return err
	}
	err := within("the batch's timeout", c.Processors.Batch.Timeout, 100*time.Millisecond, 10*time.Second)
	for name, port := range map[string]string{"http": "4318", "grpc": "4317"} {
		if at := c.Receivers.OTLP.Protocols[name].Endpoint; at != "0.0.0.0:"+port {
			err = errors.Join(err, fmt.Errorf("%s is at %q", name, at))
		}
	}
	if m := c.Processors.Memory; c.Extensions.Health.Endpoint != "0.0.0.0:13133" || m.Limit < 50 || m.Limit > 85 || m.Spike >= m.Limit || m.Spike < 5 || c.Processors.Batch.Size > 8192 || c.Processors.Batch.Size < 1 {
		err = errors.Join(err, fmt.Errorf("it uses up to %d %% of its memory, with steps of %d %%", m.Limit, m.Spike))
	}
	for name, e := range c.Exporters {
		if !e.Retry.Enabled {
			err = errors.Join(err, fmt.Errorf("%s does not try again", name))
		}
		err = errors.Join(err, within("max_elapsed_time of "+name, e.Retry.Elapsed, time.Minute, time.Hour))
	}
	traces := c.Service.Pipelines["traces"]
	if !slices.Equal(traces.Receivers, []string{"otlp"}) || !slices.Equal(traces.Processors, []string{"memory_limiter", "batch"}) || len(traces.Exporters) != 1 || c.Service.Telemetry.Logs.Level == "debug" {
		err = errors.Join(err, fmt.Errorf("traces go through %v to %v", traces.Processors, traces.Exporters))
	}
	return err
}

func (d Documents) checkSampling() error {
	texts := d.values("ConfigMap", "istio-system", "jaeger-config", "sampling_strategies.json")
	var c struct {
		Default struct {
			Type  string
			Param float64
		} `json:"default_strategy"`
	}
	if len(texts) != 1 {
		return errors.New("there are no strategies")
	}
	if err := json.Unmarshal([]byte(texts[0]), &c); err != nil {
		return err
	}
	if c.Default.Type != "probabilistic" || c.Default.Param != 0.1 {
		return fmt.Errorf("it samples %s %v", c.Default.Type, c.Default.Param)
	}
	return nil
}

// unsafeArguments open the programs of the monitoring to whoever reaches them.
var unsafeArguments = []string{"--web.enable-admin-api", "--web.enable-lifecycle", "--web.enable-remote-write-receiver"}

// checkTools wants Prometheus to keep its samples for some days and within its volume, and Grafana
// to let nobody in without a password.
func checkTools(pods []*corev1.Pod) (err error) {
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			for _, argument := range c.Args {
				if value, found := strings.CutPrefix(argument, "--storage.tsdb.retention.time="); found {
					err = errors.Join(err, within("the time that Prometheus keeps", value, 7*24*time.Hour, 90*24*time.Hour))
				}
				if name, _, _ := strings.Cut(argument, "="); slices.Contains(unsafeArguments, name) {
					err = errors.Join(err, fmt.Errorf("pod %s: %s", pod.Name, argument))
				}
			}
			err = errors.Join(err, checkGrafana(c), checkJaeger(c))
		}
	}
	return err
}

// traceSize is what Jaeger needs for a trace of the store, with some spans, in its memory.
const traceSize = 16 << 10

// checkJaeger wants Jaeger, which keeps traces in its memory, to bound their number by that.
func checkJaeger(c corev1.Container) error {
	if !strings.HasPrefix(c.Image, "jaegertracing/") {
		return nil
	}
	limit := c.Resources.Limits.Memory()
	for _, argument := range c.Args {
		if value, found := strings.CutPrefix(argument, "--memory.max-traces="); found {
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 1000 && n <= limit.Value()/traceSize {
				return nil
			}
		}
	}
	return fmt.Errorf("Jaeger does not bound its traces to a number between 1000 and %d, for %s of memory", limit.Value()/traceSize, limit)
}

func checkGrafana(c corev1.Container) error {
	for _, e := range c.Env {
		on, _ := strconv.ParseBool(e.Value)
		if off := []string{"GF_AUTH_ANONYMOUS_ENABLED", "GF_USERS_ALLOW_SIGN_UP", "GF_AUTH_DISABLE_LOGIN_FORM", "GF_SECURITY_ALLOW_EMBEDDING"}; slices.Contains(off, e.Name) && (on || e.Value == "") {
			return fmt.Errorf("Grafana: %s is %q", e.Name, e.Value)
		}
	}
	return nil
}
