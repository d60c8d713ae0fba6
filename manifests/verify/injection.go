package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	meshconfig "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/kube/inject"
)

// An Injector puts Istio's proxy into pods as its webhook does, installed with
// its CNI plugin as docs/operations.md says.
type Injector struct {
	templates inject.Templates
	values    inject.ValuesConfig
}

// NewInjector reads what Istio's chart, below the directory of its module,
// configures the webhook with.
func NewInjector(istio string) (*Injector, error) {
	chart := filepath.Join(istio, "manifests/charts/istio-control/istio-discovery")
	template, err := os.ReadFile(filepath.Join(chart, "files/injection-template.yaml"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return nil, err
	}
	var file struct {
		Defaults map[string]any `json:"_internal_defaults_do_not_set"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	cni, ok := file.Defaults["cni"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s has no values for CNI", chart)
	}
	cni["enabled"] = true
	picked, err := json.Marshal(map[string]any{
		"global": file.Defaults["global"], "sidecarInjectorWebhook": file.Defaults["sidecarInjectorWebhook"],
		"revision": file.Defaults["revision"], "pilot": map[string]any{"cni": cni, "env": file.Defaults["env"]},
	})
	if err != nil {
		return nil, err
	}
	var i Injector
	if i.values, err = inject.NewValuesConfig(string(picked)); err != nil {
		return nil, err
	}
	i.templates, err = inject.ParseTemplates(inject.RawTemplates{inject.SidecarTemplateName: string(template)})
	return &i, err
}

// Inject returns the pods as they are once they have passed the webhook; it
// leaves out those of namespaces that the webhook is not for.
func (i *Injector) Inject(documents Documents, pods []*corev1.Pod) ([]*corev1.Pod, error) {
	enabled := map[string]bool{}
	for _, namespace := range documents.OfKind("Namespace") {
		enabled[namespace.GetName()] = namespace.GetLabels()["istio-injection"] == "enabled"
	}
	var injected []*corev1.Pod
	for _, pod := range pods {
		if !enabled[pod.Namespace] {
			continue
		}
		out, err := inject.IntoObject(nil, i.templates, i.values, "default", meshconfig.DefaultMeshConfig(), pod, func(string) {})
		if err != nil {
			return nil, fmt.Errorf("injecting into the pod %s: %w", pod.Name, err)
		}
		changed, ok := out.(*corev1.Pod)
		if !ok {
			return nil, fmt.Errorf("injecting into the pod %s gives a %T", pod.Name, out)
		}
		injected = append(injected, changed)
	}
	return injected, nil
}
