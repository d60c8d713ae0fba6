package verify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// CheckReferences reports names that refer to nothing, and containers without
// probes or a read-only file system: the API server accepts both.
func (d Documents) CheckReferences() error {
	pods, err := d.Pods()
	if err != nil {
		return err
	}
	for _, pod := range pods {
		err = errors.Join(err, d.checkPod(pod))
	}
	for _, account := range d.OfKind("ServiceAccount") {
		if !slices.ContainsFunc(pods, func(pod *corev1.Pod) bool {
			return pod.Namespace == account.GetNamespace() && pod.Spec.ServiceAccountName == account.GetName()
		}) {
			err = errors.Join(err, fmt.Errorf("%s: no pod has the ServiceAccount %s", account.File, account.GetName()))
		}
	}
	err = errors.Join(err, checkImages(pods), d.checkRules())
	for _, document := range d.OfKind("Service") {
		err = errors.Join(err, checkService(document, append(slices.Clone(pods), d.databasePods()...)))
	}
	for _, document := range d.OfKind("AuthorizationPolicy") {
		err = errors.Join(err, d.checkPrincipals(document))
	}
	for _, document := range d.OfKind("AuthorizationPolicy", "PodDisruptionBudget", "RequestAuthentication") {
		err = errors.Join(err, checkSelector(document, pods))
	}
	for _, document := range d.OfKind("HorizontalPodAutoscaler") {
		kind, _, _ := unstructured.NestedString(document.Object, "spec", "scaleTargetRef", "kind")
		name, _, _ := unstructured.NestedString(document.Object, "spec", "scaleTargetRef", "name")
		if !d.Has(kind, document.GetNamespace(), name) {
			err = errors.Join(err, fmt.Errorf("%s: HorizontalPodAutoscaler %s scales %s %s, which is not there", document.File, document.GetName(), kind, name))
		}
	}
	return err
}

func (d Documents) checkPod(pod *corev1.Pod) (err error) {
	complain := func(format string, arguments ...any) {
		err = errors.Join(err, fmt.Errorf("pod %s: "+format, append([]any{pod.Name}, arguments...)...))
	}
	needs := func(kind, name string) {
		if name == "" || d.Has(kind, pod.Namespace, name) {
			return
		}
		if there, wrong := elsewhere(pod.Namespace, name, ""); kind != "Secret" || !there || wrong != nil {
			complain("there is no %s %s", kind, name)
		}
	}
	needs("ServiceAccount", pod.Spec.ServiceAccountName)
	if pod.Spec.ServiceAccountName == "" {
		complain("it needs a ServiceAccount of its own, which policies and roles name")
	}
	if pod.Labels["app"] == "" || pod.Labels["version"] == "" {
		complain("Kiali needs the labels app and version")
	}
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			needs("ConfigMap", v.ConfigMap.Name)
		}
		if v.Secret != nil && (v.Secret.Optional == nil || !*v.Secret.Optional) {
			needs("Secret", v.Secret.SecretName)
		}
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if pod.Spec.RestartPolicy != corev1.RestartPolicyNever && (c.ReadinessProbe == nil || c.LivenessProbe == nil) {
			complain("container %s needs a readiness and a liveness probe", c.Name)
		}
		if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			complain("container %s needs a read-only root filesystem", c.Name)
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				d.checkKey(pod.Namespace, e.ValueFrom.SecretKeyRef, complain)
			}
		}
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil && (e.SecretRef.Optional == nil || !*e.SecretRef.Optional) {
				needs("Secret", e.SecretRef.Name)
			}
		}
	}
	return err
}

func (d Documents) checkKey(namespace string, ref *corev1.SecretKeySelector, complain func(string, ...any)) {
	for _, secret := range d.OfKind("Secret") {
		if secret.GetNamespace() != namespace || secret.GetName() != ref.Name {
			continue
		}
		if _, found, _ := unstructured.NestedString(secret.Object, "stringData", ref.Key); found {
			return
		}
	}
	if there, err := elsewhere(namespace, ref.Name, ref.Key); !there || err != nil {
		complain("there is no key %s in a Secret %s", ref.Key, ref.Name)
	}
}

// checkService wants pods behind a Service, with its target ports.
func checkService(document Document, pods []*corev1.Pod) error {
	var service corev1.Service
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &service); err != nil {
		return err
	}
	behind := selected(pods, service.Namespace, service.Spec.Selector)
	if len(behind) == 0 {
		return fmt.Errorf("%s: Service %s selects no pod", document.File, service.Name)
	}
	for _, port := range service.Spec.Ports {
		found := false
		for _, pod := range behind {
			for _, c := range pod.Spec.Containers {
				for _, p := range c.Ports {
					target := port.TargetPort
					found = found || p.Name == target.String() || p.ContainerPort == target.IntVal || (target.String() == "0" && p.ContainerPort == port.Port)
				}
			}
		}
		if !found {
			return fmt.Errorf("%s: Service %s: no pod has its target port %s", document.File, service.Name, port.TargetPort.String())
		}
	}
	return nil
}

func selected(pods []*corev1.Pod, namespace string, selector map[string]string) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range pods {
		if pod.Namespace == namespace && labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels)) {
			found = append(found, pod)
		}
	}
	return found
}

var principal = regexp.MustCompile(`cluster\.local/ns/([^/"\s]+)/sa/([^/"\s]+)`)

// ingress is the account Istio's own gateway runs as.
const ingress = "istio-ingressgateway-service-account"

// accountOf returns the account that Istio makes for a Gateway of Kubernetes.
func accountOf(gateway Document) string {
	if class, _, _ := unstructured.NestedString(gateway.Object, "spec", "gatewayClassName"); class == "istio-waypoint" {
		return gateway.GetName()
	}
	return gateway.GetName() + "-istio"
}

func (d Documents) checkPrincipals(document Document) (err error) {
	text, marshalErr := document.MarshalJSON()
	if marshalErr != nil {
		return marshalErr
	}
	for _, match := range principal.FindAllStringSubmatch(string(text), -1) {
		namespace, account := match[1], match[2]
		if namespace == "istio-system" && account == ingress || slices.ContainsFunc(d.OfKind("Gateway"), func(g Document) bool {
			return g.GetNamespace() == namespace && accountOf(g) == account
		}) {
			continue
		}
		if !d.Has("ServiceAccount", namespace, account) {
			err = errors.Join(err, fmt.Errorf("%s: AuthorizationPolicy %s names the principal %s, which is nobody", document.File, document.GetName(), match[0]))
		}
	}
	return err
}

func checkSelector(document Document, pods []*corev1.Pod) error {
	selector, found, err := unstructured.NestedStringMap(document.Object, "spec", "selector", "matchLabels")
	if err != nil || !found || selector["istio"] == "ingressgateway" {
		return err
	}
	if len(selected(pods, document.GetNamespace(), selector)) == 0 {
		return fmt.Errorf("%s: %s %s selects no pod", document.File, document.GetKind(), document.GetName())
	}
	return nil
}
