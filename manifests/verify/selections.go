package verify

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// CheckSelections wants a pod to have one PodDisruptionBudget at most, because the API server
// evicts no pod with two, and a Service, a budget, and what makes pods to select those of one
// workload. It holds also while the objects of a component and those that it replaces exist side
// by side.
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
	budgetOf := map[*corev1.Pod]string{}
	for _, budget := range budgets {
		selector, invalid := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if invalid != nil {
			return fmt.Errorf("PodDisruptionBudget %s: %w", budget.Name, invalid)
		}
		err = errors.Join(err, oneWorkload("PodDisruptionBudget", budget.Name, budget.Namespace, selector, pods))
		for _, pod := range pods {
			if budget.Namespace != pod.Namespace || !selector.Matches(labels.Set(pod.Labels)) {
				continue
			}
			if other := budgetOf[pod]; other != "" {
				err = errors.Join(err, fmt.Errorf("pod %s has the PodDisruptionBudgets %s, %s, so nothing can evict it", pod.Name, other, budget.Name))
			}
			budgetOf[pod] = budget.Name
		}
	}
	for _, document := range d.OfKind("Service", "Deployment", "StatefulSet") {
		path := []string{"spec", "selector"}
		if document.GetKind() != "Service" {
			path = append(path, "matchLabels")
		}
		selector, _, _ := unstructured.NestedStringMap(document.Object, path...)
		err = errors.Join(err, oneWorkload(document.GetKind(), document.GetName(), document.GetNamespace(), labels.SelectorFromSet(selector), pods))
	}
	return err
}

// oneWorkload wants a selector to select pods of one workload only.
func oneWorkload(kind, name, namespace string, selector labels.Selector, pods []*corev1.Pod) error {
	workloads := map[string]bool{}
	for _, pod := range pods {
		if pod.Namespace == namespace && selector.Matches(labels.Set(pod.Labels)) {
			workloads[workload(pod)] = true
		}
	}
	if len(workloads) > 1 {
		return fmt.Errorf("%s %s selects pods of %s", kind, name, strings.Join(slices.Sorted(maps.Keys(workloads)), ", "))
	}
	return nil
}

// CheckBudgets wants a PodDisruptionBudget to let a pod go, so that nodes can be drained, and to
// keep some.
func (d Documents) CheckBudgets() error {
	budgets, err := d.budgets()
	if err != nil {
		return err
	}
	scalers, err := d.scalers()
	if err != nil {
		return err
	}
	for _, budget := range budgets {
		least, most := budget.Spec.MinAvailable, budget.Spec.MaxUnavailable
		if least == nil && most == nil && d.Has("PodDisruptionBudget", budget.Namespace, budget.Name) {
			err = errors.Join(err, fmt.Errorf("PodDisruptionBudget %s has neither minAvailable nor maxUnavailable", budget.Name))
		}
		for _, document := range d.selected(budget.Namespace, budget.Spec.Selector.MatchLabels) {
			pods := replicas(document, scalers)
			may, wrong := evictable(least, most, pods)
			if wrong != nil {
				err = errors.Join(err, fmt.Errorf("PodDisruptionBudget %s: %w", budget.Name, wrong))
			} else if may < 1 {
				err = errors.Join(err, fmt.Errorf("PodDisruptionBudget %s lets none of the %d pods of %s go", budget.Name, pods, document.GetName()))
			}
		}
	}
	return err
}

// evictable returns how many of some pods a budget lets go. Like Kubernetes, it rounds the number
// for a percentage up.
func evictable(least, most *intstr.IntOrString, pods int) (int, error) {
	may := pods
	if least != nil {
		stay, err := intstr.GetScaledValueFromIntOrPercent(least, pods, true)
		if err != nil {
			return 0, fmt.Errorf("minAvailable: %w", err)
		}
		may = pods - stay
	}
	if most != nil {
		gone, err := intstr.GetScaledValueFromIntOrPercent(most, pods, true)
		if err != nil {
			return 0, fmt.Errorf("maxUnavailable: %w", err)
		}
		may = min(may, gone)
	}
	return may, nil
}

// replicas are those that a controller has at least.
func replicas(controller Document, scalers []autoscalingv2.HorizontalPodAutoscaler) int {
	for _, scaler := range scalers {
		of := scaler.Spec.ScaleTargetRef
		if scaler.Spec.MinReplicas != nil && of.Kind == controller.GetKind() && of.Name == controller.GetName() && scaler.Namespace == controller.GetNamespace() {
			return int(*scaler.Spec.MinReplicas)
		}
	}
	return int(cmp.Or(integer(controller.Object, "spec", "replicas"), 1))
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
	all, err := typed[policyv1.PodDisruptionBudget](d, "PodDisruptionBudget")
	if err != nil {
		return nil, err
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
