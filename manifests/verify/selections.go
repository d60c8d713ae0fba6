package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// CheckSelections wants a pod to have one PodDisruptionBudget at most, because the API server
// evicts no pod with two, and a Service to select pods of one workload. It holds also while the
// objects of a component and those that it replaces exist side by side.
func (d Documents) CheckSelections() error {
	pods, err := d.Pods()
	if err != nil {
		return err
	}
	pods = append(pods, d.databasePods()...)
	budgets, err := d.budgets()
	if err != nil {
		return err
	}
	for _, pod := range pods {
		var of []string
		for _, budget := range budgets {
			selector, invalid := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
			if err = errors.Join(err, invalid); invalid == nil && budget.Namespace == pod.Namespace && selector.Matches(labels.Set(pod.Labels)) {
				of = append(of, budget.Name)
			}
		}
		if len(of) > 1 {
			err = errors.Join(err, fmt.Errorf("pod %s has the PodDisruptionBudgets %s, so nothing can evict it", pod.Name, strings.Join(of, ", ")))
		}
	}
	for _, service := range d.OfKind("Service") {
		selector, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
		workloads := map[string]bool{}
		for _, pod := range selected(pods, service.GetNamespace(), selector) {
			workloads[workload(pod)] = true
		}
		if len(workloads) > 1 {
			err = errors.Join(err, fmt.Errorf("Service %s selects pods of %s", service.GetName(), strings.Join(slices.Sorted(maps.Keys(workloads)), ", ")))
		}
	}
	return err
}

// workload names what makes a pod.
func workload(pod *corev1.Pod) string {
	if cluster := pod.Labels[databaseCluster]; cluster != "" {
		return "Cluster " + cluster
	}
	return strings.TrimSuffix(pod.Name, "-0")
}

// budgets are the PodDisruptionBudgets, with those that CloudNativePG makes for its primaries.
func (d Documents) budgets() ([]policyv1.PodDisruptionBudget, error) {
	var all []policyv1.PodDisruptionBudget
	for _, document := range d.OfKind("PodDisruptionBudget") {
		var budget policyv1.PodDisruptionBudget
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &budget); err != nil {
			return nil, fmt.Errorf("PodDisruptionBudget %s: %w", document.GetName(), err)
		}
		all = append(all, budget)
	}
	for _, cluster := range d.OfKind("Cluster") {
		all = append(all, policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: cluster.GetName() + "-primary", Namespace: cluster.GetNamespace()},
			Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{
				MatchLabels: map[string]string{databaseCluster: cluster.GetName(), databaseRole: "primary"},
			}},
		})
	}
	return all, nil
}

// The labels of CloudNativePG's pods.
const (
	databaseCluster = "cnpg.io/cluster"
	databaseRole    = "cnpg.io/instanceRole"
)

// databasePods are a primary and a standby of each Cluster, with what CloudNativePG gives them
// that others refer to.
func (d Documents) databasePods() []*corev1.Pod {
	var pods []*corev1.Pod
	for _, cluster := range d.OfKind("Cluster") {
		for i, role := range []string{"primary", "replica"} {
			own, _, _ := unstructured.NestedStringMap(cluster.Object, "spec", "inheritedMetadata", "labels")
			own = maps.Clone(own)
			maps.Copy(own, map[string]string{databaseCluster: cluster.GetName(), databaseRole: role})
			pods = append(pods, &corev1.Pod{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", cluster.GetName(), i+1), Namespace: cluster.GetNamespace(), Labels: own},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "postgres", Image: "postgres", Ports: []corev1.ContainerPort{{Name: "postgresql", ContainerPort: 5432}},
				}}},
			})
		}
	}
	return pods
}
