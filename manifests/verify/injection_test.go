package verify

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// istioModule is the directory of Istio's module, with its charts.
func istioModule(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "istio.io/istio").Output()
	if err != nil {
		t.Fatalf("finding Istio's module: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func injected(t testing.TB, documents Documents) []*corev1.Pod {
	t.Helper()
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	injector, err := NewInjector(istioModule(t))
	if err != nil {
		t.Fatal(err)
	}
	if pods, err = injector.Inject(documents, pods); err != nil {
		t.Fatal(err)
	}
	return pods
}

// Every pod of the store gets a proxy, whose agent serves the program's metrics together
// with its own where the Prometheus of 11-observability scrapes them.
func TestEveryPodGetsAProxy(t *testing.T) {
	holds := func(documents Documents) error {
		pods := injected(t, documents)
		for _, app := range append(storeApps, "load-test") {
			i := slices.IndexFunc(pods, func(p *corev1.Pod) bool { return p.Labels["app"] == app })
			if i < 0 {
				return fmt.Errorf("no pod of %s passes Istio's injector", app)
			}
			if err := checkProxy(pods[i]); err != nil {
				return fmt.Errorf("%s: %w", app, err)
			}
		}
		return nil
	}
	if err := holds(read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"injection":       {file: "01", old: "istio-injection: enabled", new: "istio-injection: disabled", said: "no pod of api-gateway passes"},
		"port of metrics": {file: "03", old: `prometheus.io/port: "8080"`, new: `prometheus.io/port: "8081"`, said: "looked for at port 8081, which no container has"},
		"scraping":        {file: "08", old: `prometheus.io/scrape: "true"`, new: `prometheus.io/scrape: "false"`, said: "api-gateway: its proxy's agent serves none"},
		"native sidecar":  {file: "12", old: `sidecar.istio.io/nativeSidecar: "true"`, new: `sidecar.istio.io/nativeSidecar: "false"`, said: "load-test: it has no proxy"},
	} {
		wrong.noticed(t, name, holds(wrong.read(t)))
	}
}

func checkProxy(pod *corev1.Pod) error {
	isProxy := func(c corev1.Container) bool { return c.Name == "istio-proxy" }
	containers := pod.Spec.Containers
	if pod.Spec.RestartPolicy == corev1.RestartPolicyNever {
		containers = pod.Spec.InitContainers // a job completes only if its proxy stops with it
	}
	i := slices.IndexFunc(containers, isProxy)
	if i < 0 {
		return fmt.Errorf("it has no proxy among %d containers", len(containers))
	}
	proxy := containers[i]
	if !slices.ContainsFunc(proxy.Ports, func(p corev1.ContainerPort) bool { return p.Name == "http-envoy-prom" }) {
		return fmt.Errorf("its proxy has no port that Prometheus knows it by: %v", proxy.Ports)
	}
	if pod.Spec.RestartPolicy == corev1.RestartPolicyNever || pod.Labels["app"] == "payment-provider" {
		return nil // k6 and the simulated provider have no metrics to scrape
	}
	return checkMetrics(pod, proxy)
}

// checkMetrics returns an error unless the proxy's agent scrapes a port that the program
// has.
func checkMetrics(pod *corev1.Pod, proxy corev1.Container) error {
	i := slices.IndexFunc(proxy.Env, func(e corev1.EnvVar) bool { return e.Name == "ISTIO_PROMETHEUS_ANNOTATIONS" })
	if i < 0 {
		return fmt.Errorf("its proxy's agent serves none of its metrics")
	}
	var scrape struct{ Scrape, Path, Port string }
	if err := json.Unmarshal([]byte(proxy.Env[i].Value), &scrape); err != nil {
		return err
	}
	if scrape.Scrape != "true" || scrape.Path != "/metrics" {
		return fmt.Errorf("its metrics are looked for as %+v", scrape)
	}
	port, err := strconv.Atoi(scrape.Port)
	if err != nil {
		return err
	}
	for _, c := range pod.Spec.Containers {
		if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.ContainerPort == int32(port) && strings.HasPrefix(p.Name, "http")
		}) {
			return nil
		}
	}
	return fmt.Errorf("its metrics are looked for at port %d, which no container has", port)
}
