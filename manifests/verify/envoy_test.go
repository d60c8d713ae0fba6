package verify

import (
	"fmt"
	"strings"
	"testing"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/test/xds"
	meshdefaults "istio.io/istio/pkg/config/mesh"
)

// A mesh is Istio's discovery over the manifests. It returns the configuration that the
// proxy of a pod, or of the gateway, would get.
type mesh struct {
	t      testing.TB
	server *xds.FakeDiscoveryServer
	pods   map[string]*corev1.Pod // by label app
}

// gatewayApp is the label app of Istio's own gateway.
const gatewayApp = "istio-ingressgateway"

func newMesh(t testing.TB, documents Documents) *mesh {
	t.Helper()
	m := &mesh{t: t, pods: map[string]*corev1.Pod{}}
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	var objects []runtime.Object
	var ambient string
	if documents.ambient() {
		var made Documents
		pods, made = m.enterAmbient(documents, pods)
		ambient = ambientObjects(t, documents)
		documents = append(documents, made...)
	} else {
		pods = append(pods, gatewayPod())
		objects = append(objects, gatewayService())
	}
	for _, pod := range pods {
		m.pods[pod.Labels["app"]] = pod
		objects = append(objects, pod)
	}
	var configs string
	for _, document := range documents {
		switch document.GroupVersionKind().Group {
		case "networking.istio.io", "security.istio.io", "telemetry.istio.io":
			text, err := yaml.Marshal(document.Object)
			if err != nil {
				t.Fatal(err)
			}
			configs += "---\n" + string(text)
		}
	}
	for _, document := range documents.OfKind("Service") {
		service := new(corev1.Service)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, service); err != nil {
			t.Fatal(err)
		}
		if service.Spec.ClusterIP == "" {
			service.Spec.ClusterIP = fmt.Sprintf("10.0.0.%d", len(objects)+1)
		}
		objects = append(objects, service)
	}
	for _, document := range documents.OfKind("Namespace") {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: document.GetName(), Labels: document.GetLabels()}})
	}
	parsed, _, err := crd.ParseInputs(configs)
	if err != nil {
		t.Fatal(err)
	}
	for i := range parsed {
		parsed[i].Domain = "cluster.local" // the domain of short host names
	}
	m.server = xds.NewFakeDiscoveryServer(t, xds.FakeOptions{KubernetesObjects: objects, KubernetesObjectString: ambient, Configs: parsed, MeshConfig: meshOptions()})
	return m
}

// meshOptions are the mesh options in 11-observability.yaml.
func meshOptions() *meshconfig.MeshConfig {
	options := meshdefaults.DefaultMeshConfig()
	options.ExtensionProviders = append(options.ExtensionProviders, &meshconfig.MeshConfig_ExtensionProvider{
		Name: "souk-traces",
		Provider: &meshconfig.MeshConfig_ExtensionProvider_Opentelemetry{Opentelemetry: &meshconfig.MeshConfig_ExtensionProvider_OpenTelemetryTracingProvider{
			Service: "otel-collector.istio-system.svc.cluster.local", Port: 4317,
		}},
	})
	options.DefaultConfig.ProxyStatsMatcher = &meshconfig.ProxyConfig_ProxyStatsMatcher{
		InclusionRegexps: []string{`listener\..*\.ssl\.certificate\..*\.expiration_unix_time_seconds`},
	}
	return options
}

func gatewayPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: gatewayApp, Namespace: "istio-system", Labels: map[string]string{"app": gatewayApp, "istio": "ingressgateway"}},
		Spec:       corev1.PodSpec{ServiceAccountName: ingress},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.2.0.1", PodIPs: []corev1.PodIP{{IP: "10.2.0.1"}}},
	}
}

func gatewayService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: gatewayApp, Namespace: "istio-system"},
		Spec: corev1.ServiceSpec{
			ClusterIP: "10.0.1.1",
			Selector:  map[string]string{"istio": "ingressgateway"},
			Ports: []corev1.ServicePort{
				{Name: "http2", Port: 80, TargetPort: intstr.FromInt32(8080)},
				{Name: "https", Port: 443, TargetPort: intstr.FromInt32(8443)},
			},
		},
	}
}

// proxy returns the proxy of the pod with this label app.
func (m *mesh) proxy(app string) *model.Proxy {
	m.t.Helper()
	pod := m.pods[app]
	if pod == nil {
		m.t.Fatalf("no pod has the label app: %s", app)
	}
	kind := model.SidecarProxy
	switch app {
	case gatewayApp:
		kind = model.Router
	case waypointApp:
		kind = model.Waypoint
	}
	return m.server.SetupProxy(&model.Proxy{
		Type: kind, ID: pod.Name + "." + pod.Namespace, ConfigNamespace: pod.Namespace,
		IPAddresses: []string{pod.Status.PodIP}, Labels: pod.Labels,
		Metadata: &model.NodeMetadata{Namespace: pod.Namespace, Labels: pod.Labels, ServiceAccount: pod.Spec.ServiceAccountName, IstioVersion: "1.31.0"},
	})
}

// gatewayRoutes returns the gateway's routes for requests over TLS, in order.
func (m *mesh) gatewayRoutes() []*route.Route {
	var routes []*route.Route
	for _, configuration := range m.server.Routes(m.proxy(gatewayApp)) {
		if !strings.HasPrefix(configuration.GetName(), "https.") {
			continue
		}
		for _, host := range configuration.GetVirtualHosts() {
			routes = append(routes, host.GetRoutes()...)
		}
	}
	return routes
}

// cluster returns the configuration of a pod's proxy for a service of the store.
func (m *mesh) cluster(from, service string) *cluster.Cluster {
	m.t.Helper()
	name := "outbound|8080||" + service + ".ecommerce.svc.cluster.local"
	for _, c := range m.server.Clusters(m.proxy(from)) {
		if c.GetName() == name {
			return c
		}
	}
	m.t.Fatalf("the proxy of %s has no cluster %s", from, name)
	return nil
}

// inbound returns the filter chains of a proxy for connections to its pod.
func (m *mesh) inbound(app string) []*listener.FilterChain {
	var chains []*listener.FilterChain
	for _, l := range m.server.Listeners(m.proxy(app)) {
		if l.GetName() == "virtualInbound" {
			for _, chain := range append(l.GetFilterChains(), l.GetDefaultFilterChain()) {
				if chain != nil && chain.GetName() != "virtualInbound-blackhole" {
					chains = append(chains, chain)
				}
			}
		}
	}
	return chains
}

// A filter is a network or HTTP filter of a chain.
type filter struct {
	name, text string // text is the configuration as JSON
}

// filters returns all filters of a chain in order.
func filters(t testing.TB, chain *listener.FilterChain) []filter {
	t.Helper()
	var all []filter
	for _, f := range chain.GetFilters() {
		all = append(all, filter{name: f.GetName(), text: text(t, f.GetTypedConfig())})
		manager := new(hcm.HttpConnectionManager)
		if f.GetTypedConfig().MessageIs(manager) {
			if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
				t.Fatal(err)
			}
			for _, h := range manager.GetHttpFilters() {
				all = append(all, filter{name: h.GetName(), text: text(t, h.GetTypedConfig())})
			}
		}
	}
	return all
}

func text(t testing.TB, m proto.Message) string {
	t.Helper()
	out, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
