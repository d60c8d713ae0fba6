package verify

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// sidecarLimits are what Istio's proxy may use by default, beside each pod.
var sidecarLimits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("1Gi")}

// quotaNames are other names of what a quota counts.
var quotaNames = map[corev1.ResourceName]corev1.ResourceName{
	"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": "pods", "count/persistentvolumeclaims": "persistentvolumeclaims",
}

// checkQuotas wants every quota to have room for what the store needs: all of them apply.
func (d Documents) checkQuotas(need corev1.ResourceList) error {
	quotas, err := typed[corev1.ResourceQuota](d, "ResourceQuota")
	for _, quota := range quotas {
		at := fmt.Sprintf("ResourceQuota %s of %s", quota.Name, quota.Namespace)
		if quota.Namespace != "ecommerce" {
			err = errors.Join(err, fmt.Errorf("%s: no check knows what that namespace needs", at))
			continue
		}
		for name, hard := range quota.Spec.Hard {
			if other, found := quotaNames[name]; found {
				name = other
			}
			needed, known := need[name]
			if !known {
				err = errors.Join(err, fmt.Errorf("%s: no check knows how much of %s the store needs", at, name))
			} else if hard.Cmp(needed) < 0 {
				err = errors.Join(err, fmt.Errorf("%s: it allows %s of %s, and the store needs up to %s", at, &hard, name, &needed))
			}
		}
	}
	return err
}

// checkRanges wants every LimitRange to admit the pods and volumes of the store, with their
// proxies. Only one may have defaults: of two, nobody knows which one a container gets.
func (d Documents) checkRanges(pods []*corev1.Pod) error {
	ranges, err := typed[corev1.LimitRange](d, "LimitRange")
	for _, limits := range ranges {
		at := fmt.Sprintf("LimitRange %s of %s", limits.Name, limits.Namespace)
		if limits.Namespace != "ecommerce" {
			err = errors.Join(err, fmt.Errorf("%s: no check knows what that namespace needs", at))
			continue
		}
		for _, item := range limits.Spec.Limits {
			if limits.Name != "ecommerce" && len(item.Default)+len(item.DefaultRequest) > 0 {
				err = errors.Join(err, fmt.Errorf("%s: it has defaults beside those of the LimitRange ecommerce", at))
			}
			if len(item.MaxLimitRequestRatio) > 0 {
				err = errors.Join(err, fmt.Errorf("%s: no check knows the ratios of limits to requests", at))
			}
			err = errors.Join(err, inContext(at, d.checkRange(item, ofStore(pods))))
		}
	}
	return err
}

// checkRange wants one bound of a LimitRange to admit what it applies to.
func (d Documents) checkRange(item corev1.LimitRangeItem, pods []*corev1.Pod) error {
	switch item.Type {
	case corev1.LimitTypePersistentVolumeClaim:
		for name, storage := range d.claimed() {
			if err := checkAmounts(item, name, corev1.ResourceList{corev1.ResourceStorage: storage}, corev1.ResourceList{corev1.ResourceStorage: storage}); err != nil {
				return err
			}
		}
		return nil
	case corev1.LimitTypeContainer, corev1.LimitTypePod:
	default:
		return fmt.Errorf("no check knows the type %s", item.Type)
	}
	if item.Type == corev1.LimitTypeContainer {
		if err := checkAmounts(item, "a proxy", sidecarRequests, sidecarLimits); err != nil {
			return err
		}
	}
	for _, pod := range pods {
		requests, limits := sidecarRequests.DeepCopy(), sidecarLimits.DeepCopy()
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			if item.Type == corev1.LimitTypeContainer {
				if err := checkAmounts(item, c.Name+" of pod "+pod.Name, c.Resources.Requests, c.Resources.Limits); err != nil {
					return err
				}
			}
			plus(requests, c.Resources.Requests)
			plus(limits, c.Resources.Limits)
		}
		if item.Type == corev1.LimitTypePod {
			if err := checkAmounts(item, "pod "+pod.Name, requests, limits); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAmounts wants requests not to be below the minimum, nor limits to be above the maximum.
func checkAmounts(item corev1.LimitRangeItem, what string, requests, limits corev1.ResourceList) error {
	for name, least := range item.Min {
		if request, found := requests[name]; !found || request.Cmp(least) < 0 {
			return fmt.Errorf("%s requests %s of %s, and it wants %s at least", what, &request, name, &least)
		}
	}
	for name, most := range item.Max {
		if limit, found := limits[name]; !found || limit.Cmp(most) > 0 {
			return fmt.Errorf("%s may use %s of %s, and it admits %s at most", what, &limit, name, &most)
		}
	}
	return nil
}

func plus(sum, more corev1.ResourceList) {
	for name, amount := range more {
		total := sum[name]
		total.Add(amount)
		sum[name] = total
	}
}

// claimed returns the sizes of the volumes of the store.
func (d Documents) claimed() map[string]resource.Quantity {
	sizes := map[string]resource.Quantity{}
	add := func(name string, claim map[string]any) {
		text, _, _ := unstructured.NestedString(claim, "spec", "resources", "requests", "storage")
		if size, err := resource.ParseQuantity(text); err == nil {
			sizes["the volume "+name] = size
		}
	}
	for _, document := range d.OfKind("PersistentVolumeClaim", "StatefulSet") {
		if document.GetNamespace() != "ecommerce" {
			continue
		}
		add(document.GetName(), document.Object)
		templates, _, _ := unstructured.NestedSlice(document.Object, "spec", "volumeClaimTemplates")
		for _, entry := range templates {
			claim, _ := entry.(map[string]any)
			add(document.GetName(), claim)
		}
	}
	return sizes
}
