package verify

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	istiomesh "istio.io/istio/pkg/config/mesh"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const guide = "../../docs"

// Each experiment of docs/operations.md, applied over the manifests, is valid and does
// what the guide says.
func TestExperimentsMatchTheGuide(t *testing.T) {
	for file, want := range map[string]struct{ service, says string }{
		"canary.yaml": {service: "product-service", says: "weightedClusters:{clusters:[{name:outbound|8080|v1|product-service.ecommerce.svc.cluster.local,weight:90},{name:outbound|8080|v2|product-service.ecommerce.svc.cluster.local,weight:10}]}"},
		"delay.yaml":  {service: "inventory-service", says: "delay:{fixedDelay:3s,percentage:{numerator:500000,denominator:MILLION}}"},
		"abort.yaml":  {service: "inventory-service", says: "abort:{httpStatus:503,percentage:{numerator:330000,denominator:MILLION}}"},
	} {
		text, err := os.ReadFile(filepath.Join(guide, "experiments", file))
		if err != nil {
			t.Fatal(err)
		}
		changed, err := decode(file, text)
		if err != nil {
			t.Fatal(err)
		}
		plain := read(t)
		documents := plain.with(changed)
		if err := documents.CheckReferences(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := analyze(t, documents); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if got := newMesh(t, documents).routesTo(want.service); !strings.Contains(got, want.says) {
			t.Errorf("%s: the routes to %s do not contain %s:\n%s", file, want.service, want.says, got)
		}
		if got := newMesh(t, plain).routesTo(want.service); strings.Contains(got, want.says) {
			t.Errorf("%s: the routes to %s contain it without the experiment", file, want.service)
		}
	}
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

// The canary equals the product service except for its version, image and replicas.
func TestCanaryMatchesTheService(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(guide, "experiments", "canary.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	same := strings.NewReplacer("name: product-service-v2", "name: product-service", "version: v2", "version: v1", "souk:1.1.0", "souk:1.0.0", "  replicas: 1\n", "")
	canary, err := decode("canary.yaml", []byte(same.Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	got := canary.OfKind("Deployment")[0]
	for _, want := range read(t).OfKind("Deployment") {
		if want.GetName() == got.GetName() && !reflect.DeepEqual(got.Object, want.Object) {
			t.Errorf("docs/experiments/canary.yaml differs from the Deployment in manifests/%s", want.File)
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
