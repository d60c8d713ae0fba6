package verify

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Prometheus, Grafana, Jaeger and the collector reach each other at the addresses in
// docs/operations.md.
func TestMonitoringToolsReachEachOther(t *testing.T) {
	if err := checkMonitoring(read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"port of Jaeger's pages":  {file: "11", old: "- {name: http-query, port: 16686,", new: "- {name: http-query, port: 16687,", said: "the Service jaeger has no port 16686"},
		"Jaeger's pods":           {file: "11", old: "name: jaeger-collector\n  namespace: istio-system\n  labels: {app: jaeger, app.kubernetes.io/part-of: souk}\nspec:\n  selector: {app: jaeger}", new: "name: jaeger-collector\n  namespace: istio-system\n  labels: {app: jaeger, app.kubernetes.io/part-of: souk}\nspec:\n  selector: {app: grafana}", said: "the Service jaeger-collector has no port 4317 that a pod serves"},
		"collector's destination": {file: "11", old: "endpoint: jaeger-collector.istio-system:4317", new: "endpoint: jaeger.istio-system:4317", said: "the collector hands traces to something else"},
		"port of Alertmanager":    {file: "11", old: "- {name: http, port: 9093,", new: "- {name: http, port: 9094,", said: "the Service alertmanager has no port 9093"},
		"receiver of alerts":      {file: "11", old: "targets: [alertmanager.istio-system:9093]", new: "targets: [alertmanager:9093]", said: "Prometheus sends alerts to something else"},
		"source of dashboards":    {file: "11", old: "http://prometheus.istio-system:9090", new: "http://prometheus.istio-system:9091", said: "grafana-0: the Service prometheus has no port 9091"},
		"source of traces":        {file: "11", old: "http://tracing.istio-system/", new: "http://tempo.istio-system/", said: "grafana-0: there is no Service tempo"},
	} {
		wrong.noticed(t, name, checkMonitoring(wrong.read(t)))
	}
}

func checkMonitoring(documents Documents) error {
	for _, at := range []struct{ service, port, app string }{
		{service: "jaeger", port: "16686", app: "jaeger"}, {service: "tracing", port: "80", app: "jaeger"}, {service: "jaeger-collector", port: "4317", app: "jaeger"},
		{service: "jaeger-collector", port: "14268", app: "jaeger"}, {service: "tracing", port: "16685", app: "jaeger"},
		{service: "otel-collector", port: "4317", app: "otel-collector"}, {service: "otel-collector", port: "4318", app: "otel-collector"},
		{service: "alertmanager", port: "9093", app: "alertmanager"}, {service: "prometheus", port: "9090", app: "prometheus"}, {service: "grafana", port: "3000", app: "grafana"},
	} {
		pod, _, err := documents.behind("istio-system", at.service, at.port)
		if err != nil {
			return err
		}
		if pod.Labels["app"] != at.app {
			return fmt.Errorf("behind the Service %s is %s", at.service, pod.Labels["app"])
		}
	}
	collector := documents.values("ConfigMap", "istio-system", "otel-collector", "collector.yaml")
	if len(collector) != 1 || !strings.Contains(collector[0], "endpoint: jaeger-collector.istio-system:4317\n") {
		return errors.New("the collector hands traces to something else")
	}
	prometheus := documents.values("ConfigMap", "istio-system", "prometheus", "prometheus.yml")
	if len(prometheus) != 1 || !strings.Contains(prometheus[0], "targets: [alertmanager.istio-system:9093]") {
		return errors.New("Prometheus sends alerts to something else")
	}
	pods, err := documents.Pods()
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if pod.Labels["app"] != "grafana" {
			continue
		}
		// Grafana mounts the keys of its ConfigMap individually.
		for _, found := range address.FindAllString(strings.Join(documents.values("ConfigMap", "istio-system", "grafana", "datasources.yaml"), ""), -1) {
			call, err := parseCall(pod, found)
			if err != nil {
				return err
			}
			name, _, _ := strings.Cut(call.Host, ".")
			if _, _, err := documents.behind("istio-system", name, call.Port); err != nil {
				return fmt.Errorf("%s: %w", pod.Name, err)
			}
		}
	}
	return nil
}
