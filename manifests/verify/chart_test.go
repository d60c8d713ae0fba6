package verify

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	helmcommon "helm.sh/helm/v4/pkg/chart/common"
	helmutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	helmloader "helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Where the Helm chart of the router and the base for kustomize are.
const (
	chartDir  = "../../charts/souk-router"
	kustomize = "../../charts/kustomize"
)

// chartNamespace is the namespace that the chart is rendered for.
const chartNamespace = "graph"

// chartValues returns the sets of values that the chart is checked with, by file name.
func chartValues(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, "ci", "*-values.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d files with values: %v", len(files), err)
	}
	all := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = parseValues(t, string(text))
	}
	return all
}

func parseValues(t *testing.T, text string) map[string]any {
	t.Helper()
	values, err := helmloader.LoadValues(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// renderChart does what `helm template shop` does with values.
func renderChart(values map[string]any) (Documents, error) {
	chart, err := helmloader.Load(chartDir)
	if err != nil {
		return nil, err
	}
	options := helmcommon.ReleaseOptions{Name: "shop", Namespace: chartNamespace, IsInstall: true}
	complete, err := helmutil.ToRenderValues(chart, values, options, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, complete)
	if err != nil {
		return nil, err
	}
	var all Documents
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		documents, err := decode(name, []byte(files[name]))
		if err != nil {
			return nil, err
		}
		all = append(all, documents...)
	}
	return all, nil
}

func TestChartIsCleanForHelm(t *testing.T) {
	for name, values := range chartValues(t) {
		linter := lint.RunAll(chartDir, values, chartNamespace)
		for _, message := range linter.Messages {
			if message.Severity >= support.WarningSev {
				t.Errorf("%s: %s", name, message)
			}
		}
	}
}

// The router accepts the configuration that the chart gives it, and the objects of a release
// refer to each other.
func TestChartConfiguresTheRouter(t *testing.T) {
	for name, values := range chartValues(t) {
		t.Run(name, func(t *testing.T) {
			documents, err := renderChart(values)
			if err != nil {
				t.Fatal(err)
			}
			pods, err := documents.Pods()
			if err != nil || len(pods) != 1 {
				t.Fatalf("got %d pods, err %v", len(pods), err)
			}
			for _, document := range documents.OfKind("Service") {
				if err := checkService(document, pods); err != nil {
					t.Error(err)
				}
			}
			for _, document := range documents.OfKind("PodDisruptionBudget") {
				if err := checkSelector(document, pods); err != nil {
					t.Error(err)
				}
			}
			_, fixed, _ := unstructured.NestedFieldNoCopy(documents.OfKind("Deployment")[0].Object, "spec", "replicas")
			if scaled := len(documents.OfKind("HorizontalPodAutoscaler")) == 1; scaled == fixed {
				t.Errorf("autoscaled: %t; a fixed number of replicas: %t", scaled, fixed)
			}
			validateRouterConfig(t, documents)
		})
	}
}

// validateRouterConfig runs `souk config validate` on the router.yaml of a release.
func validateRouterConfig(t *testing.T, documents Documents) {
	t.Helper()
	for _, document := range documents.OfKind("ConfigMap") {
		text, found, _ := unstructured.NestedString(document.Object, "data", "router.yaml")
		if !found {
			continue
		}
		file := filepath.Join(t.TempDir(), "router.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), "go", "run", ".", "config", "validate", file)
		command.Dir = "../.."
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("the router refuses its configuration: %v\n%s\n%s", err, out, text)
		}
		return
	}
	t.Error("the release has no router.yaml")
}

// Mistakes in values are reported before anything is installed.
func TestChartRefusesWrongValues(t *testing.T) {
	const (
		graph  = "supergraph: {existingConfigMap: graph}\n"
		routed = "httpRoute: {enabled: true, parentRefs: [{name: public}]}\nconfig: {traffic_shaping: {router: {timeout: "
	)
	for values, said := range map[string]string{
		"":                                   "set exactly one of supergraph.sdl",
		graph + "supergraphs: {}\n":          "additional properties 'supergraphs' not allowed",
		graph + "config: {introspect: no}\n": "additional properties 'introspect' not allowed",
		graph + "config: {listen: ':80'}\n":  "additional properties 'listen' not allowed",
		graph + "config: {traffic_shaping: {all: {timeout: soon}}}\n":                                  "does not match pattern",
		graph + "config: {health_check: {enabled: false}}\n":                                           "config.health_check.enabled must be true",
		graph + "httpRoute: {enabled: true}\n":                                                         "httpRoute.parentRefs must name the Gateway",
		graph + "ingress: {enabled: true}\n":                                                           "ingress.hosts must name at least one host",
		graph + "ports: {http: 9090}\n":                                                                "ports.http and ports.admin must differ",
		"supergraph: {existingConfigMap: graph, sdl: 'type Query'}\n":                                  "set exactly one of supergraph.sdl",
		graph + "httpRoute: {enabled: true, parentRefs: [{name: public}], timeouts: {request: 30s}}\n": "httpRoute.timeouts.request is 30s; it must be at least 500ms longer",
		graph + "httpRoute: {enabled: true, parentRefs: [{name: public}], timeouts: {request: 1m0s400ms}}\nconfig: {traffic_shaping: {router: {timeout: 60s}}}\n": "longer than config.traffic_shaping.router.timeout (60s)",
		graph + "httpRoute: {enabled: true, parentRefs: [{name: public}], timeouts: {request: soon}}\n":                                                           "does not match pattern",
		graph + routed + "\"${env.ROUTER_TIMEOUT}\"}}}\n":                                                                                                         "timeout is ${env.ROUTER_TIMEOUT}, which the chart cannot read: set httpRoute.timeouts.request",
		graph + routed + "\"${file./etc/timeout}\"}}}\n":                                                                                                          "timeout is ${file./etc/timeout}, which the chart cannot read",
		graph + routed + "\"${env.ROUTER_TIMEOUT:-}\"}}}\n":                                                                                                       "which the chart cannot read",
		graph + routed + "\"${env.ROUTER_TIMEOUT:-soon}\"}}}\n":                                                                                                   "which the chart cannot read",
		graph + routed + "100000h}}}\n":                                                                                                                           "the Gateway API waits for up to 99999h",
	} {
		_, err := renderChart(parseValues(t, values))
		if err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: got error %v, want %q", values, err, said)
		}
	}
}

// chartTimeouts checks the order of the timeouts of a release: those of the Gateway, of the
// router, and of the subgraphs that have one.
func chartTimeouts(t *testing.T, documents Documents) error {
	t.Helper()
	name := documents.OfKind("Deployment")[0].GetName()
	router, err := documents.routerTimeouts(chartNamespace, name, "../..")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := documents.timedRoutes()
	if err != nil {
		t.Fatal(err)
	}
	if err := router.checkTotal(slices.Concat(slices.Collect(maps.Keys(router.own)), []string{"another subgraph"})); err != nil || len(documents.OfKind("HTTPRoute")) == 0 {
		return err
	}
	return router.checkRoutes(routes, name, func(string) time.Duration { return 0 })
}

// gatewayDuration is what the Gateway API takes.
var gatewayDuration = regexp.MustCompile(`^([0-9]{1,5}(h|m|s|ms)){1,4}$`)

// requestTimeout is that of the last rule.
func requestTimeout(documents Documents) string {
	rules, _, _ := unstructured.NestedSlice(documents.OfKind("HTTPRoute")[0].Object, "spec", "rules")
	text, _, _ := unstructured.NestedString(rules[len(rules)-1].(map[string]any), "timeouts", "request")
	return text
}

// The Gateway waits longer than the router, which reports what took too long, and does not end
// streams.
func TestChartOrdersTimeouts(t *testing.T) {
	for name, values := range chartValues(t) {
		documents, err := renderChart(values)
		if err != nil {
			t.Fatal(err)
		}
		if err := chartTimeouts(t, documents); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const route = "supergraph: {existingConfigMap: graph}\nhttpRoute: {enabled: true, parentRefs: [{name: public}]%s}\nconfig: {traffic_shaping: {router: {timeout: %s}}}\n"
	for _, of := range []struct {
		timeouts, router string
		want             time.Duration
	}{
		{"", "30s", 35 * time.Second},
		{"", "10m0s500ms", 605*time.Second + 500*time.Millisecond},
		{", timeouts: {request: 2m}", "1.5m", 2 * time.Minute},
		{"", "30000000us", 35 * time.Second},
		{"", "99994s", 99999 * time.Second},
		{"", "99995s", 1667 * time.Minute},
		{"", "36h", 2161 * time.Minute},
		{"", "1700h", 1701 * time.Hour},
	} {
		documents, err := renderChart(parseValues(t, fmt.Sprintf(route, of.timeouts, of.router)))
		if err != nil {
			t.Fatal(err)
		}
		routes, err := documents.timedRoutes()
		if err != nil {
			t.Fatal(err)
		}
		if err := chartTimeouts(t, documents); err != nil || len(routes) != 2 || !routes[0].streams || routes[1].total != of.want || !gatewayDuration.MatchString(requestTimeout(documents)) {
			t.Errorf("router %s%s: got routes %+v, err %v, want %s", of.router, of.timeouts, routes, err, of.want)
		}
	}
	for _, of := range []struct{ timeouts, router, want string }{ // what checkRoutes does not know
		{"", "0s", "0s"},
		{"", "0m0s", "0s"},
		{", timeouts: {request: 0s}", "30s", "0s"},
		{", timeouts: {request: 1m}", "0s", "1m"},
		{", timeouts: {request: 1m}", "\"${env.ROUTER_TIMEOUT}\"", "1m"},
		{", timeouts: {request: 1m}", "\"${file./etc/timeout}\"", "1m"},
		{"", "\"${env.ROUTER_TIMEOUT:-40s}\"", "45s"},
		{"", "\"${env.ROUTER_SECONDS:-50}s\"", "55s"},
		{"", "\"${env.ROUTER_TIMEOUT:-0s}\"", "0s"},
		{"", "\"${env.SET_TIMEOUT}\"", "605s"},
		{"", "\"${env.SET_TIMEOUT:-30s}\"", "605s"},
	} {
		documents, err := renderChart(parseValues(t, fmt.Sprintf(route, of.timeouts, of.router)+"env: [{name: SET_TIMEOUT, value: 10m}]\n"))
		if err != nil {
			t.Errorf("router %s%s: %v", of.router, of.timeouts, err)
		} else if got := requestTimeout(documents); got != of.want || !gatewayDuration.MatchString(got) {
			t.Errorf("router %s%s: the Gateway waits %s, want %s", of.router, of.timeouts, got, of.want)
		}
	}
	documents, err := renderChart(parseValues(t, fmt.Sprintf(route, ", timeouts: {enabled: false}", "30s")))
	if err != nil {
		t.Fatal(err)
	}
	if routes, err := documents.timedRoutes(); err != nil || len(routes) != 1 || routes[0].total != 0 {
		t.Errorf("without timeouts: got routes %+v, err %v", routes, err)
	}
	if err := chartTimeouts(t, documents); err == nil || !strings.Contains(err.Error(), "waits 0s; the router takes up to 30s") {
		t.Errorf("a route without a timeout: got error %v", err)
	}
}

// The router reads the memory limit of its container, and keeps a part of it free. GOMEMLIMIT
// would take precedence.
func TestChartLeavesTheMemoryLimitToTheRouter(t *testing.T) {
	for name, values := range chartValues(t) {
		documents, err := renderChart(values)
		if err != nil {
			t.Fatal(err)
		}
		pods, err := documents.Pods()
		if err != nil || len(pods) != 1 {
			t.Fatalf("got %d pods, err %v", len(pods), err)
		}
		for _, container := range pods[0].Spec.Containers {
			if container.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: %s has no limit of memory", name, container.Name)
			}
			for _, variable := range container.Env {
				if variable.Name == "GOMEMLIMIT" {
					t.Errorf("%s: GOMEMLIMIT is set", name)
				}
			}
		}
	}
}

// A pod is added before its load reaches the limit of a pod, and not for what an idle router
// uses or a reload takes.
func TestChartScalesAtASensibleUse(t *testing.T) {
	documents, err := renderChart(parseValues(t, "supergraph: {existingConfigMap: graph}\n"))
	if err != nil {
		t.Fatal(err)
	}
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	var scaler autoscalingv2.HorizontalPodAutoscaler
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(documents.OfKind("HorizontalPodAutoscaler")[0].Object, &scaler); err != nil {
		t.Fatal(err)
	}
	resources := pods[0].Spec.Containers[0].Resources
	target := resources.Requests.Cpu().MilliValue() * int64(*scaler.Spec.Metrics[0].Resource.Target.AverageUtilization) / 100
	if limit := resources.Limits.Cpu().MilliValue(); target < 300 || target > limit/2 {
		t.Errorf("a pod is added when pods use %dm on average, with a limit of %dm", target, limit)
	}
}

// A supergraph that the router fetches needs no volume, and excludes one.
func TestChartServesARemoteSupergraph(t *testing.T) {
	remote := "config: {supergraph: {remote: {url: 'oci://registry.example/graphs/shop:production'}}}\n"
	documents, err := renderChart(parseValues(t, remote))
	if err != nil {
		t.Fatal(err)
	}
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	for _, volume := range pods[0].Spec.Volumes {
		if volume.Name == "graph" {
			t.Errorf("the pods have the volume %v", volume)
		}
	}
	text, _, _ := unstructured.NestedString(documents.OfKind("ConfigMap")[0].Object, "data", "router.yaml")
	if !strings.Contains(text, "url: oci://registry.example") || strings.Contains(text, "file:") {
		t.Errorf("got router.yaml\n%s", text)
	}
	if _, err := renderChart(parseValues(t, remote+"supergraph: {existingConfigMap: graph}\n")); err == nil {
		t.Error("a ConfigMap and a remote supergraph are accepted together")
	}
}

// Pods start again only for changes that the router does not follow by itself.
func TestChartRestartsPodsOnlyIfNecessary(t *testing.T) {
	template := func(config string) string {
		documents, err := renderChart(parseValues(t, "supergraph: {existingConfigMap: graph}\nconfig: "+config+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		pod, _, _ := unstructured.NestedMap(documents.OfKind("Deployment")[0].Object, "spec", "template")
		return fmt.Sprint(pod)
	}
	base := template("{introspection: true}")
	if template("{introspection: false}") != base {
		t.Error("a key that the router follows restarts the pods")
	}
	if template("{introspection: true, log: {level: debug}}") == base {
		t.Error("a key that needs a restart does not restart the pods")
	}
}

func TestKubeScoreFindsNothingInTheChart(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kube-score")
	}
	for name, values := range chartValues(t) {
		documents, err := renderChart(values)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name)
		writeDocuments(t, file, documents)
		checkKubeScore(t, []string{file}) // one at a time: releases have the same names
	}
}

func writeDocuments(t *testing.T, file string, documents Documents) {
	t.Helper()
	var out strings.Builder
	for i, document := range documents {
		text, err := yaml.Marshal(document.Object)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkCharts applies the chart with every set of values, and what kustomize makes of the
// base, to an API server with the types of the Prometheus Operator and the Gateway API.
func checkCharts(t *testing.T, server *apiServer) {
	server.install(t, chartCRDs(t))
	releases := chartValues(t)
	for name, values := range releases {
		documents, err := renderChart(values)
		if err != nil {
			t.Fatal(err)
		}
		server.accepts(t, name, documents)
	}
	server.accepts(t, "kustomize", kustomized(t))
}

// chartCRDs returns the definitions of the custom resources in the chart.
func chartCRDs(t *testing.T) Documents {
	t.Helper()
	return append(
		moduleDocuments(t, "github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
		moduleDocuments(t, "sigs.k8s.io/gateway-api@v1.6.0", "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml")...)
}

// accepts applies objects, and pods of them, to a namespace with the strictest pod security.
func (s *apiServer) accepts(t *testing.T, name string, documents Documents) {
	t.Helper()
	namespace := Documents{{File: name, Unstructured: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": chartNamespace, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"}},
	}}}}
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	account := pods[0].Spec.ServiceAccountName
	if !documents.Has("ServiceAccount", chartNamespace, account) {
		namespace = append(namespace, Document{File: name, Unstructured: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": account, "namespace": chartNamespace},
		}}})
	}
	if err := s.try(t.Context(), append(namespace, documents...), pods); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// moduleDocuments reads a file of a Go module.
func moduleDocuments(t *testing.T, module, file string) Documents {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Fatalf("downloading %s: %v", module, err)
	}
	var found struct{ Dir string }
	if err := yaml.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(found.Dir, file))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := decode(filepath.Base(file), text)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}
