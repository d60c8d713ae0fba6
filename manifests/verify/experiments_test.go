package verify

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	istiomesh "istio.io/istio/pkg/config/mesh"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const guide = "../../docs"

// Each experiment of docs/operations.md, applied over the manifests, is valid and does
// what the guide says.
func TestExperimentsMatchTheGuide(t *testing.T) {
	for file, want := range map[string]struct {
		service string
		gateway bool // the routes of the gateway, not those of the router's proxy
		says    string
	}{
		"canary":            {service: "product-service", says: "weightedClusters:{clusters:[{name:outbound|8080|v1|product-service.ecommerce.svc.cluster.local,weight:90},{name:outbound|8080|v2|product-service.ecommerce.svc.cluster.local,weight:10}]}"},
		"supergraph-canary": {service: "api-gateway", gateway: true, says: "weightedClusters:{clusters:[{name:outbound|8080|v1|api-gateway.ecommerce.svc.cluster.local,weight:90},{name:outbound|8080|canary|api-gateway.ecommerce.svc.cluster.local,weight:10}]}"},
		"delay.yaml":        {service: "inventory-service", says: "delay:{fixedDelay:3s,percentage:{numerator:500000,denominator:MILLION}}"},
		"abort.yaml":        {service: "inventory-service", says: "abort:{httpStatus:503,percentage:{numerator:330000,denominator:MILLION}}"},
	} {
		changed, err := decode(file, experiment(t, file))
		if err != nil {
			t.Fatal(err)
		}
		plain := read(t)
		documents := plain.with(append(changed, plain.canaryGraph()...))
		if err := documents.CheckReferences(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := analyze(t, documents); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if got := newMesh(t, documents).routesFor(want.service, want.gateway); !strings.Contains(got, want.says) {
			t.Errorf("%s: the routes to %s do not contain %s:\n%s", file, want.service, want.says, got)
		}
		if got := newMesh(t, plain).routesFor(want.service, want.gateway); strings.Contains(got, want.says) {
			t.Errorf("%s: the routes to %s contain it without the experiment", file, want.service)
		}
	}
}

// experiment returns the objects of a file, or of a directory, which kustomize makes.
func experiment(t *testing.T, name string) []byte {
	t.Helper()
	path := filepath.Join(guide, "experiments", name)
	if strings.HasSuffix(name, ".yaml") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if testing.Short() {
		t.Skip("needs a build of kubectl")
	}
	return kustomization(t, path)
}

// A canary is a Deployment beside that of its service, whose calls it shares.
type canary struct {
	directory, service, name, version string
	differs                           func(*appsv1.Deployment) // in more than its name, version and number
}

var canaries = []canary{
	{directory: "canary", service: "product-service", name: "product-service-v2", version: "v2", differs: func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Image = "souk:1.1.0"
	}},
	{directory: "supergraph-canary", service: "api-gateway", name: "api-gateway-canary", version: "canary", differs: func(d *appsv1.Deployment) {
		for _, v := range d.Spec.Template.Spec.Volumes {
			if v.Name == "graph" {
				v.ConfigMap.Name = "api-gateway-graph-canary"
			}
		}
	}},
}

// Each canary is the Deployment of its service with each component, apart from what makes it a
// canary, and all that it refers to is there.
func TestCanaryBuildsWithComponents(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kubectl")
	}
	for _, components := range componentSets {
		top := t.TempDir()
		if err := errors.Join(os.CopyFS(filepath.Join(top, "manifests"), os.DirFS(dir)), os.CopyFS(filepath.Join(top, "docs"), os.DirFS(guide))); err != nil {
			t.Fatal(err)
		}
		text := "components:\n"
		for _, name := range components {
			text += "  - components/" + name + "\n"
		}
		file, err := os.OpenFile(filepath.Join(top, "manifests", "Kustomization"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		store := composed(t, components)
		for _, c := range canaries {
			variant := c.directory
			if store.ambient() {
				variant += "-ambient"
			}
			made, err := decode(variant, kustomization(t, filepath.Join(top, "docs", "experiments", variant)))
			if err != nil {
				t.Fatal(err)
			}
			all := store.with(append(made, store.canaryGraph()...)).withApps()
			if err := errors.Join(all.CheckReferences(), analyze(t, all)); err != nil {
				t.Errorf("%s, %v: %v", variant, components, err)
			}
			c.check(t, components, store, made)
		}
	}
}

// check compares the Deployment of a canary with that of its service.
func (c canary) check(t *testing.T, components []string, store, made Documents) {
	t.Helper()
	var want, got appsv1.Deployment
	if err := errors.Join(store.find("Deployment", c.service, &want), made.find("Deployment", c.name, &got)); err != nil {
		t.Fatal(err)
	}
	one := int32(1)
	want.Name, want.Labels["version"], want.Spec.Replicas = c.name, c.version, &one
	want.Spec.Selector.MatchLabels["version"], want.Spec.Template.Labels["version"] = c.version, c.version
	c.differs(&want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s, %v: the canary differs from its service", c.directory, components)
	}
	if n := len(made.OfKind("Deployment", "StatefulSet", "Cluster", "ConfigMap", "PodDisruptionBudget", "HorizontalPodAutoscaler")); n != 1 {
		t.Errorf("%s, %v: the canary has %d objects of the store", c.directory, components, n)
	}
}

// canaryGraph returns the ConfigMap that the guide's command makes for the supergraph's canary.
func (d Documents) canaryGraph() Documents {
	for _, graph := range d.OfKind("ConfigMap") {
		if graph.GetName() == "api-gateway-graph" {
			graph.Unstructured = graph.DeepCopy()
			graph.SetName("api-gateway-graph-canary")
			return Documents{graph}
		}
	}
	return nil
}

// with returns the documents, with those of the same name replaced.
func (d Documents) with(changed Documents) Documents {
	var all Documents
	for _, document := range d {
		if !changed.Has(document.GetKind(), document.GetNamespace(), document.GetName()) {
			all = append(all, document)
		}
	}
	return append(all, changed...)
}

// routesFor returns the routes of the gateway, or those of the router's proxy to a service, as
// text without quotes and spaces.
func (m *mesh) routesFor(service string, gateway bool) string {
	if !gateway {
		return m.routesTo(service)
	}
	var all strings.Builder
	for _, r := range m.gatewayRoutes() {
		all.WriteString(text(m.t, r))
	}
	return strings.NewReplacer(`"`, "", " ", "").Replace(all.String())
}

// routesTo returns the routes of the router's proxy to a service, as text without quotes
// and spaces.
func (m *mesh) routesTo(service string) string {
	var all strings.Builder
	for _, configuration := range m.server.Routes(m.proxy("api-gateway")) {
		for _, host := range configuration.GetVirtualHosts() {
			if strings.HasPrefix(host.GetName(), service+".") {
				all.WriteString(text(m.t, host))
			}
		}
	}
	return strings.NewReplacer(`"`, "", " ", "").Replace(all.String()) // protojson's white space is not stable
}

// The canaries equal the files of the manifests except for their version, image, replicas,
// supergraph and weights.
func TestCanariesMatchTheManifests(t *testing.T) {
	for file, changes := range map[string][]string{
		"canary": {"name: product-service-v2", "name: product-service", "version: v2", "version: v1", "souk:1.1.0", "souk:1.0.0", "  replicas: 1\n", "", "weight: 90", "weight: 100", "weight: 10", "weight: 0"},
		"supergraph-canary/routes.yaml": {
			"    - name: v1\n      labels: {app: api-gateway, version: v1}\n    - name: canary\n      labels: {app: api-gateway, version: canary}\n", "",
			"    - name: streams\n      labels: {app: api-gateway, version: v1}", "    - name: streams\n      labels: {app: api-gateway}",
			"subset: v1, port: {number: 8080}}\n          weight: 90\n        - destination: {host: api-gateway, subset: canary, port: {number: 8080}}\n          weight: 10\n", "port: {number: 8080}}\n",
		},
		"supergraph-canary-ambient/routes.yaml": {
			"      backendRefs:\n        - {name: api-gateway-v1, port: 8080, weight: 90}\n        - {name: api-gateway-canary, port: 8080, weight: 10}\n", "      backendRefs: [{name: api-gateway, port: 8080}]\n",
			"selector: {app: api-gateway, version: v1}", "selector: {app: api-gateway}", "selector: {app: api-gateway, version: canary}", "selector: {app: api-gateway}",
			"name: api-gateway-v1\n", "name: api-gateway\n", "name: api-gateway-canary\n", "name: api-gateway\n", "host: api-gateway-v1", "host: api-gateway", "host: api-gateway-canary", "host: api-gateway",
			"appProtocol: http}\n---\n# The pool", "appProtocol: http}\n    - {name: http-admin, port: 9090, targetPort: http-admin, appProtocol: http}\n---\n# The pool",
		},
	} {
		written := experiment(t, file)
		same := strings.NewReplacer(changes...)
		canary, err := decode(file, []byte(same.Replace(string(written))))
		if err != nil {
			t.Fatal(err)
		}
		store := read(t)
		if strings.Contains(file, "ambient") {
			store = composed(t, []string{"ambient"})
		}
		compared := 0
		for _, got := range canary {
			for _, want := range store.OfKind(got.GetKind()) {
				if want.GetName() != got.GetName() || want.GetNamespace() != got.GetNamespace() {
					continue
				}
				compared++
				if !reflect.DeepEqual(got.Object, want.Object) {
					t.Errorf("docs/experiments/%s differs from the %s %s in manifests/%s", file, got.GetKind(), got.GetName(), want.File)
				}
			}
		}
		if compared != len(canary) {
			t.Errorf("docs/experiments/%s has %d objects, and the manifests %d of them", file, len(canary), compared)
		}
	}
}

// The guide installs the mesh that these tests assume.
func TestGuideInstallsTheAssumedMesh(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(guide, "istio.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var operator struct {
		Spec struct {
			MeshConfig map[string]any
			Components map[string]struct{ Enabled bool }
			Values     struct {
				Pilot    struct{ Env map[string]string }
				Gateways map[string]map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &operator); err != nil {
		t.Fatal(err)
	}
	options, err := yaml.Marshal(operator.Spec.MeshConfig)
	if err != nil {
		t.Fatal(err)
	}
	got, err := istiomesh.ApplyMeshConfigDefaults(string(options))
	if err != nil {
		t.Fatal(err)
	}
	if want := meshOptions(); !proto.Equal(got, want) {
		t.Errorf("got mesh options\n%v\nwant\n%v", got, want)
	}
	if !operator.Spec.Components["cni"].Enabled {
		t.Error("the CNI plugin is not installed")
	}
	if operator.Spec.Values.Pilot.Env["PILOT_JWT_ENABLE_REMOTE_JWKS"] != "envoy" {
		t.Error("the gateway's proxy does not fetch the keys")
	}
	checkClientAddresses(t, operator.Spec.Values.Gateways)
}

// The gateway's Service must keep the addresses of clients, each of which has a limit of its
// own. Istio ignores values that its chart does not know.
func checkClientAddresses(t *testing.T, gateways map[string]map[string]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(istioModule(t), "manifests/charts/gateways/istio-ingress/values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var chart map[string]any // with the key _internal_defaults_do_not_set
	if err := yaml.Unmarshal(text, &chart); err != nil {
		t.Fatal(err)
	}
	for name, value := range gateways[gatewayApp] {
		if _, known, _ := unstructured.NestedString(chart, "_internal_defaults_do_not_set", "gateways", gatewayApp, name); !known {
			t.Errorf("Istio's chart has no value %s", name)
		} else if name == "externalTrafficPolicy" && value == "Local" {
			return
		}
	}
	t.Error("nodes may replace the addresses of clients with their own")
}
