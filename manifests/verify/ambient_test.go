package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pkg/jwt"
)

// waypointApp is the label app of the waypoint of components/ambient.
const waypointApp = "waypoint"

// ambientGateway is the account of the gateway that Istio makes of a Gateway.
const ambientGateway = "souk-gateway-istio"

// enterAmbient turns ambient mode on in Istio for the test. It returns the pods as they are
// then, those of the Gateways as well, and the Services of the Gateways.
func (m *mesh) enterAmbient(documents Documents, pods []*corev1.Pod) ([]*corev1.Pod, Documents) {
	m.t.Helper()
	for _, flag := range []*bool{&features.EnableAmbient, &features.EnableAmbientWaypoints, &features.EnableHBONESend, &features.EnableSidecarHBONEListening, &features.EnableIngressWaypointRouting} {
		previous := *flag
		*flag = true
		m.t.Cleanup(func() { *flag = previous })
	}
	previous := features.JwksFetchMode
	features.JwksFetchMode = jwt.Envoy // as docs/istio-ambient.yaml installs Istio
	m.t.Cleanup(func() { features.JwksFetchMode = previous })
	for _, pod := range pods {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
		if pod.Namespace == "ecommerce" || pod.Labels["istio.io/dataplane-mode"] == "ambient" {
			// Istio's CNI plugin writes it.
			pod.Annotations = map[string]string{"ambient.istio.io/redirection": "enabled"}
		}
	}
	var services Documents
	for i, gateway := range documents.OfKind("Gateway") {
		name, app, managed := accountOf(gateway), gatewayApp, "istio.io-gateway-controller"
		if name == waypointApp {
			app, managed = waypointApp, "istio.io-mesh-controller"
		}
		address := fmt.Sprintf("10.2.0.%d", i+1)
		pods = append(pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: gateway.GetNamespace(), Labels: map[string]string{
				"app": app, "gateway.networking.k8s.io/gateway-name": gateway.GetName(), "gateway.istio.io/managed": managed, "istio.io/dataplane-mode": "none",
			}},
			Spec: corev1.PodSpec{ServiceAccountName: name},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning, PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		})
		var ports []any
		listeners, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "listeners")
		for _, l := range listeners {
			ports = append(ports, map[string]any{"name": l.(map[string]any)["name"], "port": l.(map[string]any)["port"], "targetPort": l.(map[string]any)["port"]})
		}
		services = append(services, Document{File: "Istio", Unstructured: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": name, "namespace": gateway.GetNamespace(), "labels": map[string]any{
				"gateway.networking.k8s.io/gateway-name": gateway.GetName(), "gateway.istio.io/managed": managed,
			}},
			"spec": map[string]any{"selector": map[string]any{"gateway.networking.k8s.io/gateway-name": gateway.GetName()}, "ports": ports, "clusterIP": fmt.Sprintf("10.0.1.%d", i+1)},
		}}})
	}
	return pods, services
}

// ambientObjects are those that Istio reads as objects of Kubernetes.
func ambientObjects(t testing.TB, documents Documents) string {
	t.Helper()
	var all []string
	add := func(object map[string]any) {
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	for class, controller := range map[string]string{"istio": "istio.io/gateway-controller", "istio-waypoint": "istio.io/mesh-controller"} { // Istio's
		add(map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": map[string]any{"name": class}, "spec": map[string]any{"controllerName": controller}})
	}
	certificate, key := selfSigned(t.(*testing.T))
	add(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "souk-tls", "namespace": "istio-system"}, "type": "kubernetes.io/tls", "data": map[string]any{"tls.crt": certificate, "tls.key": key}})
	for _, document := range documents {
		object := document.DeepCopy().Object
		switch document.GroupVersionKind().Group {
		case "gateway.networking.k8s.io":
			if document.GetKind() == "Gateway" { // Istio writes its status
				host := accountOf(document) + "." + document.GetNamespace() + ".svc.cluster.local"
				object["status"] = map[string]any{"addresses": []any{map[string]any{"type": "Hostname", "value": host}}}
			}
			add(object)
		case "security.istio.io":
			add(object)
		case "":
			if document.GetKind() == "ConfigMap" && (document.GetName() == waypointApp || document.GetName() == "souk-gateway") {
				add(object)
			}
		}
	}
	return strings.Join(all, "\n---\n")
}

// In ambient mode, the gateway has the routes of the base, with their times and with a pool
// for streams, and redirects plain HTTP.
func TestAmbientGatewayHasTheRoutes(t *testing.T) {
	want := []string{
		"prefix /graphql, 1 header: api-gateway-streams, 0s, 2 retries of 0s",
		"prefix /graphql, 1 header: api-gateway-streams, 0s, 2 retries of 0s",
		"prefix /graphql: api-gateway, 30s, 2 retries of 0s",
		"prefix /images, 1 header: product-service, 10s, 2 retries of 0s",
		"prefix /images, 1 header: product-service, 10s, 2 retries of 0s",
		"prefix /api: api-gateway, 30s, 2 retries of 0s",
		"prefix /: api-gateway, 10s, 2 retries of 0s",
	}
	m := newMesh(t, composed(t, []string{"ambient"}))
	var got []string
	for _, r := range m.gatewayRoutes() {
		got = append(got, describe(r))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the routes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func describe(r *route.Route) string {
	prefix := cmp.Or(r.GetMatch().GetPrefix(), r.GetMatch().GetPathSeparatedPrefix())
	text := "prefix " + prefix
	if n := len(r.GetMatch().GetHeaders()); n > 0 {
		text += fmt.Sprintf(", %d header", n)
	}
	a := r.GetRoute()
	_, host, _ := strings.Cut(a.GetCluster(), "||")
	service, _, _ := strings.Cut(host, ".")
	return fmt.Sprintf("%s: %s, %s, %d retries of %s", text, service, a.GetTimeout().AsDuration(), a.GetRetryPolicy().GetNumRetries().GetValue(), a.GetRetryPolicy().GetPerTryTimeout().AsDuration())
}

// The policies allow the same requests as in the base, whether the waypoint decides or
// ztunnel, and those of Prometheus.
func TestAmbientPoliciesAllowOnlyNeededCalls(t *testing.T) {
	want := ambientCalls()
	if err := differs(ambientLetIn(t, composed(t, []string{"ambient"})), want); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]fault{
		"waypoint":   {file: "components/ambient/k", old: "name: \"(user|product|inventory|order|notification)-service|payment-provider\"", new: "name: \"(user|product|order|notification)-service|payment-provider\"", said: "not let in: ecommerce/order-service > inventory-service:8080 POST /graphql"},
		"target":     {file: "components/ambient/k", old: "{group: \"\", kind: Service, name: order-service}", new: "{group: \"\", kind: Service, name: user-service}", said: "not let in: ecommerce/api-gateway > order-service:8080 POST /graphql"},
		"the way by": {file: "components/ambient/access", old: "matchLabels: {app: inventory-service}\n  action: ALLOW\n  rules:\n    - from:", new: "matchLabels: {app: inventory-service}\n  action: ALLOW\n  rules:\n    - {}\n    - from:", said: "let in: ecommerce/user-service > inventory-service:8080 *"},
		"gateway":    {file: "components/ambient/k", old: "path: /spec/rules/0/from/0/source/principals/0, value: cluster.local/ns/istio-system/sa/souk-gateway-istio", new: "path: /spec/rules/0/from/0/source/principals/0, value: cluster.local/ns/istio-system/sa/souk-gateway", said: "not let in: istio-system/souk-gateway-istio > api-gateway:8080 *"},
		"metrics":    {file: "components/ambient/access", old: `ports: ["8080", "9090", "9121", "9187"]`, new: `ports: ["8080", "9090", "9121", "6379"]`, said: "not let in: istio-system/prometheus > order-postgres:9187 *"},
	} {
		wrong.noticed(t, name, differs(ambientLetIn(t, wrong.with(t, "ambient")), want))
	}
}

// ambientCalls are the calls of the base, and those that ambient mode adds.
func ambientCalls() []string {
	var want []string
	for _, call := range allowed {
		want = append(want, strings.Replace(call, ingress, ambientGateway, 1))
	}
	for _, app := range storeApps {
		switch {
		case strings.HasSuffix(app, "-postgres"):
			want = append(want, "istio-system/prometheus > "+app+":9187 *")
		case app == "redis":
			want = append(want, "istio-system/prometheus > redis:9121 *")
		case app == "api-gateway":
			want = append(want, "istio-system/prometheus > api-gateway:8080 *", "istio-system/prometheus > api-gateway:9090 *")
		default:
			want = append(want, "istio-system/prometheus > "+app+":8080 *", "ecommerce/waypoint > "+app+":8080 *")
		}
	}
	return want
}

// ambientLetIn makes the requests of letIn. A request to a Service with a waypoint goes
// there, and then to the pod with the waypoint's account. Others, and those to the address of
// a pod, go to its ztunnel.
func ambientLetIn(t *testing.T, documents Documents) []string {
	t.Helper()
	m := newMesh(t, documents)
	accounts := []string{"istio-system/" + ambientGateway, "istio-system/" + ingress, "istio-system/prometheus", "ecommerce/default", "ecommerce/waypoint", "default/order-service"}
	for _, account := range documents.OfKind("ServiceAccount") {
		if account.GetNamespace() == "ecommerce" {
			accounts = append(accounts, "ecommerce/"+account.GetName())
		}
	}
	z := m.ztunnel()
	var found []string
	for _, app := range append(storeApps, "load-test") {
		for _, port := range podPorts(m.pods[app]) {
			behind := m.waypointChain(app, port)
			for _, account := range accounts {
				found = append(found, tries(t, fmt.Sprintf("%s > %s:%d", account, app, port), func(method, path string) bool {
					r := request{account: account, port: port, method: method, path: path}
					direct := z.allows(m.pods[app].Name, r)
					if direct || behind == nil {
						return direct
					}
					ok, err := allows(behind, r)
					if err != nil {
						t.Fatal(err)
					}
					return ok && z.allows(m.pods[app].Name, request{account: "ecommerce/waypoint", port: port})
				}, port)...)
			}
		}
	}
	slices.Sort(found)
	return found
}

// waypointChain returns the filter chain of the waypoint for a Service, or nil.
func (m *mesh) waypointChain(service string, port uint32) *listener.FilterChain {
	name := fmt.Sprintf("inbound-vip|%d|http|%s.ecommerce.svc.cluster.local", port, service)
	for _, l := range m.server.Listeners(m.proxy(waypointApp)) {
		for _, chain := range l.GetFilterChains() {
			if chain.GetName() == name {
				return chain
			}
		}
	}
	return nil
}

// Pods of the store accept no connection without a certificate of the mesh.
func TestAmbientModeIsStrict(t *testing.T) {
	z := newMesh(t, composed(t, []string{"ambient"})).ztunnel()
	for pod, policies := range z.of {
		if strings.HasSuffix(pod, "-service-0") && !slices.Contains(policies, "istio-system/istio_converted_static_strict") {
			t.Errorf("%s has the policies %v", pod, policies)
		}
	}
	m := newMesh(t, composed(t, []string{"ambient"}, Change{File: "09", Old: "mode: STRICT", New: "mode: PERMISSIVE"}))
	if policies := m.ztunnel().of["redis-0"]; slices.Contains(policies, "istio-system/istio_converted_static_strict") {
		t.Errorf("a permissive mode is strict: %v", policies)
	}
}

// The gateway limits the rate and checks tokens, and the waypoint leaves failing pods of the
// inventory service alone.
func TestAmbientProxiesKeepThePromises(t *testing.T) {
	m := newMesh(t, composed(t, []string{"ambient"}))
	for name, holds := range map[string]func(*mesh) error{"rate": rate, "tokens": tokens, "ejection": waypointEjection, "traces": ambientTraces} {
		if err := holds(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A real Envoy with the configuration of the gateway serves requests beside many streams, and
// redirects plain HTTP.
func TestAmbientGatewayServes(t *testing.T) {
	envoy, documents := findEnvoy(t), composed(t, []string{"ambient"})
	if err := errors.Join(serveBesideStreams(t, envoy, documents), redirects(t, envoy, documents)); err != nil {
		t.Fatal(err)
	}
	wrong := fault{file: "components/ambient/routes", old: "tcp: {maxConnections: 5000, connectTimeout: 3s}\n      http: {http1MaxPendingRequests: 5000,", new: "tcp: {maxConnections: 100, connectTimeout: 3s}\n      http: {http1MaxPendingRequests: 50,", said: ": status 503"}
	wrong.noticed(t, "pool", serveBesideStreams(t, envoy, wrong.with(t, "ambient")))
}

func waypointEjection(m *mesh) error {
	for _, c := range m.server.Clusters(m.proxy(waypointApp)) {
		if c.GetName() != "inbound-vip|8080|http|inventory-service.ecommerce.svc.cluster.local" {
			continue
		}
		o := c.GetOutlierDetection()
		if got := fmt.Sprint(o.GetConsecutive_5Xx().GetValue(), " ", o.GetInterval().AsDuration(), " ", o.GetBaseEjectionTime().AsDuration()); got != "3 30s 30s" {
			return fmt.Errorf("errors, interval and time of ejection are %s", got)
		}
		return nil
	}
	return fmt.Errorf("the waypoint does not know the inventory service")
}

func ambientTraces(m *mesh) error {
	for _, chain := range append(m.server.Listeners(m.proxy(gatewayApp))[0].GetFilterChains(), m.waypointChain("order-service", 8080)) {
		manager := managerOf(m.t, chain)
		if tracing := manager.GetTracing(); tracing.GetRandomSampling().GetValue() != 10 || !strings.Contains(text(m.t, tracing.GetProvider()), collector) {
			return fmt.Errorf("%s traces %v", chain.GetName(), tracing)
		}
	}
	return nil
}

// The network lets the probes of the kubelet pass, which ztunnel sends, and nothing else from
// outside.
func TestAmbientNetworkPolicies(t *testing.T) {
	documents := composed(t, []string{"ambient"})
	if err := getThrough(t, documents); err != nil {
		t.Error(err)
	}
	policies, err := documents.NetworkPolicies()
	if err != nil {
		t.Fatal(err)
	}
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range ofStore(pods) {
		if err := policies.AllowIngress(pod, endpoint{ip: "169.254.7.127"}, "8080"); err != nil {
			t.Errorf("probes: %v", err)
		}
		for _, peer := range []endpoint{{namespace: "istio-system"}, {namespace: "ecommerce"}} {
			if err := policies.AllowIngress(pod, peer, "15008"); err != nil {
				t.Errorf("HBONE: %v", err)
			}
		}
		for _, annotation := range []string{"proxy.istio.io/config", "sidecar.istio.io/nativeSidecar"} {
			if _, found := pod.Annotations[annotation]; found && pod.Labels["app"] != "load-test" {
				t.Errorf("%s has the annotation %s of a sidecar", pod.Name, annotation)
			}
		}
	}
	if left := documents.OfKind("Sidecar", "VirtualService"); len(left) > 0 {
		t.Errorf("there is %s %s", left[0].GetKind(), left[0].GetName())
	}
	// Without a proxy in its pod, the gateway is the router's peer.
	for _, deployment := range documents.OfKind("Deployment") {
		if deployment.GetName() == "api-gateway" {
			if text, _ := deployment.MarshalJSON(); !strings.Contains(string(text), `{"name":"TRUSTED_PROXY","value":"10.0.0.0/8"}`) {
				t.Error("the router does not trust the gateway to name the client")
			}
		}
	}
}

// Names in ambient mode refer to something, and Istio's analyzers find nothing.
func TestAmbientReferencesResolve(t *testing.T) {
	documents := composed(t, []string{"ambient"})
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(documents.CheckReferences(), documents.CheckFiles(pods), analyze(t, documents)); err != nil {
		t.Error(err)
	}
}
