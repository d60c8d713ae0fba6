package verify

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	kubediscovery "github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	corev1 "k8s.io/api/core/v1"
)

// Prometheus's own code reads its configuration and discovers every pod of the store
// exactly once, where the agent of the pod's proxy serves metrics.
func TestPrometheusFindsEveryPod(t *testing.T) {
	if err := scraped(t, read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"key":          {file: "11", old: "scrape_interval: 15s", new: "scrape_intervals: 15s", said: "field scrape_intervals not found"},
		"discovery":    {file: "11", old: "- role: pod", new: "- role: pods", said: "unknown Kubernetes SD role"},
		"port's name":  {file: "11", old: "regex: http-envoy-prom", new: "regex: http-envoy", said: "has 0 targets"},
		"address":      {file: "11", old: "$1:15020", new: "$1:15021", said: "instead of"},
		"app":          {file: "11", old: "__meta_kubernetes_pod_label_app]", new: "__meta_kubernetes_pod_label_name]", said: "is said to be"},
		"metrics path": {file: "11", old: "metrics_path: /stats/prometheus", new: "metrics_path: /metrics", said: "/metrics instead of"},
		"gateway port": {file: "11", old: "(.*-envoy-prom|", new: "(.*-envoy|", said: "pod istio-ingressgateway-0: it has 0 targets"},
		"istiod port":  {file: "11", old: "|http-monitoring|", new: "|", said: "pod istiod-0: it has 0 targets"},
		"CNI port":     {file: "11", old: "|install-cni;metrics", new: "", said: "pod istio-cni-node-0: it has 0 targets"},
		"CNI app":      {file: "11", old: "label_k8s_app]", new: "label_k8s]", said: `is said to be "" of ""`},
		"node":         {file: "11", old: "pod_node_name], target_label: node}", new: "node_name], target_label: node}", said: `is said to be on the node ""`},
		"evicted pods": {file: "11", old: "evicted.\n          - *running\n", new: "evicted.\n", said: "that failed: it is scraped"},
		"IPv6 address": {file: "11", old: "[$1]:15020", new: "$1:15020", said: "instead of [fd00::"},
		"IPv6 kubelet": {file: "11", old: "[$1]:10250", new: "$1:10250", said: "its kubelet at fd00::1 is scraped at"},
		"kubelet port": {file: "11", old: "$1:10250", new: "$1:10255", said: "its kubelet at 10.3.0.1 is scraped at"},
		"kubelet":      {file: "11", old: "https\n        tls_config:", new: "http\n        tls_config:", said: "its kubelet at 10.3.0.1 is scraped at"},
		"files":        {file: "11", old: "rule_files: [/etc/prometheus-rules/*.yml]", new: "rule_files: [/etc/prometheus/rules/*.yml]", said: "no rules are mounted"},
	} {
		wrong.noticed(t, name, scraped(t, wrong.read(t)))
	}
}

// Without sidecars, Prometheus finds the pods by their annotations.
func TestPrometheusFindsPodsWithoutProxies(t *testing.T) {
	if err := scraped(t, composed(t, []string{"ambient"})); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"port":           {file: "11", old: "action: keepequal", new: "action: dropequal", said: "it is scraped at"},
		"ztunnel port":   {file: "11", old: "|ztunnel-stats)", new: ")", said: "pod ztunnel-0: it has 0 targets"},
		"gateway port":   {file: "11", old: "|install-cni;metrics", new: "|.*;metrics", said: "pod souk-gateway-istio-0: it has 2 targets"},
		"waypoint twice": {file: "11", old: "[__meta_kubernetes_pod_labelpresent_gateway_networking_k8s_io_gateway_name]", new: "[__meta_kubernetes_pod_labelpresent_gateway]", said: "pod waypoint-istio-waypoint-0: it has 2 targets"},
	} {
		wrong.noticed(t, name, scraped(t, wrong.with(t, "ambient")))
	}
}

// measured reports whether a program has metrics.
func measured(pod *corev1.Pod) bool { return pod.Annotations["prometheus.io/scrape"] == "true" }

func scraped(t *testing.T, documents Documents) error {
	t.Helper()
	texts := documents.values("ConfigMap", "istio-system", "prometheus", "prometheus.yml")
	if len(texts) != 1 {
		return errors.New("Prometheus has no configuration")
	}
	c, err := config.Load(texts[0], slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	pods := injected(t, documents)
	if documents.ambient() {
		if pods, err = documents.Pods(); err != nil {
			return err
		}
		pods = append(pods, gatewayAPIPod(t, documents, "ecommerce", "waypoint", "waypoint.yaml"))
	}
	for _, pod := range pods {
		if app := pod.Labels["app"]; pod.Namespace != "ecommerce" || app == "load-test" || documents.ambient() && !measured(pod) {
			continue
		}
		six := pod.DeepCopy()
		six.Status.PodIP = "fd00::" + strings.ReplaceAll(pod.Status.PodIP, ".", ":")
		if err := first(
			func() error { return foundOnce(c, pod) }, func() error { return foundOnce(c, six) },
			func() error { return kubeletFound(c, pod, "10.3.0.1") }, func() error { return kubeletFound(c, pod, "fd00::1") },
		); err != nil {
			return fmt.Errorf("pod %s: %w", pod.Name, err)
		}
	}
	for _, pod := range meshPods(t, documents) {
		if err := foundOnce(c, pod); err != nil {
			return fmt.Errorf("pod %s: %w", pod.Name, err)
		}
		pod.Status.Phase = corev1.PodFailed // it was evicted
		if err := foundOnce(c, pod); err == nil || err.Error() != "it has 0 targets" {
			return fmt.Errorf("pod %s that failed: it is scraped", pod.Name)
		}
	}
	return rulesAreMounted(documents, c)
}

// foundOnce returns an error unless a pod is one target of one job.
func foundOnce(c *config.Config, pod *corev1.Pod) error {
	var found []labels.Labels
	for _, job := range c.ScrapeConfigs {
		if job.JobName == "kubelet" || !slices.ContainsFunc(job.ServiceDiscoveryConfigs, func(d discovery.Config) bool {
			pods, ok := d.(*kubediscovery.SDConfig)
			return ok && slices.Contains(pods.NamespaceDiscovery.Names, pod.Namespace)
		}) {
			continue
		}
		for _, target := range discovered(pod) {
			target.Set("__metrics_path__", job.MetricsPath)
			if relabel.ProcessBuilder(target, job.RelabelConfigs...) {
				found = append(found, target.Labels())
			}
		}
	}
	if len(found) != 1 {
		return fmt.Errorf("it has %d targets", len(found))
	}
	got := found[0].Get("__address__") + found[0].Get("__metrics_path__")
	want := net.JoinHostPort(pod.Status.PodIP, "15020") + "/stats/prometheus"
	if pod.Namespace == "istio-system" {
		want = net.JoinHostPort(pod.Status.PodIP, "15090") + "/stats/prometheus"
		if !slices.ContainsFunc(discovered(pod), func(l *labels.Builder) bool {
			return l.Get("__meta_kubernetes_pod_container_port_name") == "http-envoy-prom"
		}) {
			want = net.JoinHostPort(pod.Status.PodIP, pod.Annotations["prometheus.io/port"]) + cmp.Or(pod.Annotations["prometheus.io/path"], "/metrics")
		}
	} else if pod.Annotations["sidecar.istio.io/status"] == "" {
		want = net.JoinHostPort(pod.Status.PodIP, pod.Annotations["prometheus.io/port"]) + pod.Annotations["prometheus.io/path"]
	}
	if got != want {
		return fmt.Errorf("it is scraped at %s instead of %s", got, want)
	}
	if node := found[0].Get("node"); pod.Namespace == "istio-system" && node != pod.Spec.NodeName {
		return fmt.Errorf("it is said to be on the node %q", node)
	}
	if app, version := found[0].Get("app"), found[0].Get("version"); app != cmp.Or(pod.Labels["app"], pod.Labels["k8s-app"]) || app == "" || version != pod.Labels["version"] {
		return fmt.Errorf("it is said to be %q of %q", version, app)
	}
	return nil
}

// kubeletFound returns an error unless all ports of a pod are one target: the kubelet of its node,
// which has an address.
func kubeletFound(c *config.Config, pod *corev1.Pod, address string) error {
	at := map[string]bool{}
	for _, job := range c.ScrapeConfigs {
		for _, target := range discovered(pod) {
			target.Set("__meta_kubernetes_pod_host_ip", address)
			target.Set("__meta_kubernetes_pod_node_name", "node")
			if job.JobName == "kubelet" && relabel.ProcessBuilder(target, job.RelabelConfigs...) {
				at[job.Scheme+"://"+target.Get("__address__")+job.MetricsPath+" of "+target.Get("instance")] = true
			}
		}
	}
	if want := "https://" + net.JoinHostPort(address, "10250") + "/metrics of node"; len(at) != 1 || !at[want] {
		return fmt.Errorf("its kubelet at %s is scraped at %v instead of %s", address, at, want)
	}
	return nil
}

// discovered returns the targets that Prometheus's discovery returns for a pod: one for
// each port.
func discovered(pod *corev1.Pod) []*labels.Builder {
	var targets []*labels.Builder
	for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, port := range container.Ports {
			target := labels.NewBuilder(labels.EmptyLabels())
			target.Set("__address__", net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(port.ContainerPort))))
			target.Set("__meta_kubernetes_namespace", pod.Namespace)
			target.Set("__meta_kubernetes_pod_name", pod.Name)
			target.Set("__meta_kubernetes_pod_ip", pod.Status.PodIP)
			target.Set("__meta_kubernetes_pod_node_name", pod.Spec.NodeName)
			target.Set("__meta_kubernetes_pod_phase", string(pod.Status.Phase))
			target.Set("__meta_kubernetes_pod_container_name", container.Name)
			target.Set("__meta_kubernetes_pod_container_port_name", port.Name)
			target.Set("__meta_kubernetes_pod_container_port_number", strconv.Itoa(int(port.ContainerPort)))
			for name, value := range pod.Labels {
				target.Set("__meta_kubernetes_pod_label_"+sanitized(name), value)
				target.Set("__meta_kubernetes_pod_labelpresent_"+sanitized(name), "true")
			}
			for name, value := range pod.Annotations {
				target.Set("__meta_kubernetes_pod_annotation_"+sanitized(name), value)
				target.Set("__meta_kubernetes_pod_annotationpresent_"+sanitized(name), "true")
			}
			targets = append(targets, target)
		}
	}
	return targets
}

func sanitized(name string) string {
	return strings.NewReplacer(".", "_", "/", "_", "-", "_").Replace(name)
}

// rulesAreMounted returns an error unless the rules are mounted where the configuration expects them.
func rulesAreMounted(documents Documents, c *config.Config) error {
	pods, err := documents.Pods()
	if err != nil {
		return err
	}
	for _, pod := range pods {
		if pod.Labels["app"] != "prometheus" {
			continue
		}
		for _, mount := range pod.Spec.Containers[0].VolumeMounts {
			if mount.Name == "rules" && slices.Contains(c.RuleFiles, mount.MountPath+"/*.yml") && len(documents.values("ConfigMap", pod.Namespace, "prometheus-rules", "souk.yml")) == 1 {
				return nil
			}
		}
	}
	return fmt.Errorf("no rules are mounted where %q are looked for", c.RuleFiles)
}
