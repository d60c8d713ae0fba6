package verify

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	helmcommon "helm.sh/helm/v4/pkg/chart/common"
	helmutil "helm.sh/helm/v4/pkg/chart/common/util"
	helmloader "helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/gatewaycommon"
	meshdefaults "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/kube/inject"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

// meshPods are the pods of Istio itself in istio-system, as its charts and templates make them:
// those that docs/istio.yaml installs, or docs/istio-ambient.yaml.
func meshPods(t testing.TB, documents Documents) []*corev1.Pod {
	t.Helper()
	charts, profile := []string{"istio-control/istio-discovery", "istio-cni", "gateways/istio-ingress"}, "default"
	if documents.ambient() {
		charts, profile = []string{"istio-control/istio-discovery", "istio-cni", "ztunnel"}, "ambient"
	}
	var pods []*corev1.Pod
	for _, name := range charts {
		made := chartPods(t, name, profile)
		if len(made) != 1 {
			t.Fatalf("Istio's chart %s makes %d pods, not 1", name, len(made))
		}
		pods = append(pods, made...)
	}
	if documents.ambient() {
		pods = append(pods, gatewayAPIPod(t, documents, "istio-system", "souk-gateway", "kube-gateway.yaml"))
	}
	return pods
}

// chartPods returns the pods of one of Istio's charts.
func chartPods(t testing.TB, name, profile string) []*corev1.Pod {
	t.Helper()
	chart, err := helmloader.Load(filepath.Join(istioModule(t), "manifests/charts", name))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if profile != "default" {
		values["profile"] = profile
	}
	complete, err := helmutil.ToRenderValues(chart, values, helmcommon.ReleaseOptions{Name: "istio", Namespace: "istio-system", IsInstall: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(chart, complete)
	if err != nil {
		t.Fatal(err)
	}
	var pods []*corev1.Pod
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(file) != ".yaml" {
			continue
		}
		rendered, err := decode(file, []byte(files[file]))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range rendered.OfKind("Deployment", "DaemonSet") {
			text, err := document.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			pods = append(pods, podOf(t, document.GetNamespace(), text))
		}
	}
	return pods
}

// podOf returns a running pod of a Deployment or DaemonSet.
func podOf(t testing.TB, namespace string, controller []byte) *corev1.Pod {
	t.Helper()
	var made struct {
		Metadata metav1.ObjectMeta
		Spec     struct{ Template corev1.PodTemplateSpec }
	}
	if err := yaml.Unmarshal(controller, &made); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: made.Spec.Template.ObjectMeta, Spec: made.Spec.Template.Spec}
	pod.Name, pod.Namespace = made.Metadata.Name+"-0", namespace
	pod.Spec.NodeName = "node"
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.2.0.3"}
	return pod
}

// gatewayAPIPod returns a pod that istiod makes of a Gateway, with the ConfigMap of its name.
func gatewayAPIPod(t testing.TB, documents Documents, namespace, name, template string) *corev1.Pod {
	t.Helper()
	istio := istioModule(t)
	text, err := os.ReadFile(filepath.Join(istio, "manifests/charts/istio-control/istio-discovery/files", template))
	if err != nil {
		t.Fatal(err)
	}
	templates, err := inject.ParseTemplates(inject.RawTemplates{"gateway": string(text)})
	if err != nil {
		t.Fatal(err)
	}
	injector, err := NewInjector(istio)
	if err != nil {
		t.Fatal(err)
	}
	mesh := meshdefaults.DefaultMeshConfig()
	input := struct {
		gatewaycommon.TemplateInput
		ProxyImage  string
		ProxyConfig *meshconfig.ProxyConfig
		MeshConfig  *meshconfig.MeshConfig
		Values      map[string]any
	}{ProxyImage: "proxy", ProxyConfig: mesh.GetDefaultConfig(), MeshConfig: mesh, Values: injector.values.Map()}
	i := slices.IndexFunc(documents, func(d Document) bool {
		return d.GetKind() == "Gateway" && d.GetNamespace() == namespace && d.GetName() == name
	})
	if i < 0 {
		t.Fatalf("there is no Gateway %s/%s", namespace, name)
	}
	object, err := documents[i].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(object, &input.Gateway); err != nil {
		t.Fatal(err)
	}
	input.GatewayClass = string(input.Spec.GatewayClassName)
	input.DeploymentName, input.ServiceAccount = name+"-"+input.GatewayClass, name
	input.GatewayNameLabel = "gateway.networking.k8s.io/gateway-name"
	input.KubeVersion, input.InfrastructureLabels = 136, documents[i].GetLabels()
	var out bytes.Buffer
	if err := templates["gateway"].Execute(&out, input); err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(out.String(), "\n---") {
		if !strings.Contains(part, "kind: Deployment") {
			continue
		}
		patched, err := withOverlay(part, documents.values("ConfigMap", namespace, name, "deployment"))
		if err != nil {
			t.Fatal(err)
		}
		return podOf(t, namespace, patched)
	}
	t.Fatalf("Istio makes no Deployment of the Gateway %s", name)
	return nil
}

// withOverlay returns a Deployment with what the ConfigMap of its Gateway says.
func withOverlay(deployment string, overlays []string) ([]byte, error) {
	if len(overlays) != 1 {
		return nil, fmt.Errorf("the Gateway has %d ConfigMaps with a Deployment", len(overlays))
	}
	object, err := yaml.YAMLToJSON([]byte(deployment))
	if err != nil {
		return nil, err
	}
	overlay, err := yaml.YAMLToJSON([]byte(overlays[0]))
	if err != nil {
		return nil, err
	}
	return strategicpatch.StrategicMergePatch(object, overlay, &appsv1.Deployment{})
}
