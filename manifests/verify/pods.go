package verify

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Pods are one pod of each Deployment, StatefulSet, Job and CronJob, as its controller
// would make it, with an address.
func (d Documents) Pods() ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for i, document := range d.controllers() {
		raw, _, err := unstructured.NestedMap(document.Object, templatePath(document)...)
		if err != nil {
			return nil, err
		}
		var template corev1.PodTemplateSpec
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(raw, &template, true); err != nil {
			return nil, fmt.Errorf("%s: %s %s: %w", document.File, document.GetKind(), document.GetName(), err)
		}
		pods = append(pods, &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{
				Name: document.GetName() + "-0", Namespace: document.GetNamespace(),
				Labels: template.Labels, Annotations: template.Annotations,
			},
			Spec:   withVolumes(document, template.Spec),
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: fmt.Sprintf("10.1.0.%d", i+1), PodIPs: []corev1.PodIP{{IP: fmt.Sprintf("10.1.0.%d", i+1)}}},
		})
	}
	return pods, nil
}

// controllers returns what makes pods.
func (d Documents) controllers() Documents {
	return d.OfKind("Deployment", "StatefulSet", "Job", "CronJob")
}

// selected returns the controllers whose pods have the labels of a selector.
func (d Documents) selected(namespace string, selector map[string]string) Documents {
	return slices.DeleteFunc(d.controllers(), func(document Document) bool {
		own, _, _ := unstructured.NestedStringMap(document.Object, append(templatePath(document), "metadata", "labels")...)
		return document.GetNamespace() != namespace || !labels.SelectorFromSet(selector).Matches(labels.Set(own))
	})
}

func templatePath(controller Document) []string {
	if controller.GetKind() == "CronJob" {
		return []string{"spec", "jobTemplate", "spec", "template"}
	}
	return []string{"spec", "template"}
}

// withVolumes adds the volumes a StatefulSet's controller would.
func withVolumes(document Document, spec corev1.PodSpec) corev1.PodSpec {
	claims, _, _ := unstructured.NestedSlice(document.Object, "spec", "volumeClaimTemplates")
	for _, claim := range claims {
		name, _, _ := unstructured.NestedString(claim.(map[string]any), "metadata", "name")
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name + "-" + document.GetName() + "-0"},
		}})
	}
	return spec
}

// ofStore returns those of some pods that are in the namespace of the store.
func ofStore(pods []*corev1.Pod) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return p.Namespace != "ecommerce" })
}
