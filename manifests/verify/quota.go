package verify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// sidecarRequests are what Istio's proxy requests by default, beside each pod.
var sidecarRequests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")}

// checkQuota wants the namespace to have room for the store at its largest, with a new pod of
// each program while it is updated, and for not much more than twice of it. Pods without
// bounds of their own get some.
func (d Documents) checkQuota(pods []*corev1.Pod) error {
	var quota corev1.ResourceQuota
	var limits corev1.LimitRange
	if err := errors.Join(d.find("ResourceQuota", "ecommerce", &quota), d.find("LimitRange", "ecommerce", &limits)); err != nil {
		return err
	}
	need := corev1.ResourceList{}
	add := func(name corev1.ResourceName, amount resource.Quantity, times int64) {
		sum := need[name]
		amount.Mul(times)
		sum.Add(amount)
		need[name] = sum
	}
	for _, pod := range ofStore(pods) {
		times, err := d.most(pod)
		if err != nil {
			return err
		}
		add(corev1.ResourcePods, resource.MustParse("1"), times)
		for name, amount := range sidecarRequests {
			add("requests."+name, amount, times)
			for _, c := range pod.Spec.Containers {
				add("requests."+name, c.Resources.Requests[name], times)
			}
		}
	}
	claims := len(d.OfKind("PersistentVolumeClaim"))
	for _, set := range d.OfKind("StatefulSet") {
		if set.GetNamespace() == "ecommerce" {
			claims++
		}
	}
	add("persistentvolumeclaims", resource.MustParse("1"), int64(claims))
	for name, needed := range need {
		hard := quota.Spec.Hard[name]
		twice := needed.DeepCopy()
		twice.Mul(4)
		if hard.Cmp(needed) < 0 || hard.Cmp(twice) > 0 {
			return fmt.Errorf("the quota of %s is %s, and the store needs up to %s", name, &hard, &needed)
		}
	}
	for _, pod := range ofStore(pods) {
		times, err := d.most(pod)
		if err != nil {
			return err
		}
		for name, amount := range sidecarLimits {
			add("limits."+name, amount, times)
			for _, c := range pod.Spec.Containers {
				add("limits."+name, c.Resources.Limits[name], times)
			}
		}
	}
	if err := errors.Join(d.checkQuotas(need), d.checkRanges(pods)); err != nil {
		return err
	}
	if len(limits.Spec.Limits) != 1 || limits.Spec.Limits[0].Type != corev1.LimitTypeContainer {
		return errors.New("containers without bounds get none")
	}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, limit := limits.Spec.Limits[0].DefaultRequest[name], limits.Spec.Limits[0].Default[name]
		if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
			return fmt.Errorf("containers without bounds for %s get %s to %s", name, &request, &limit)
		}
	}
	return nil
}

// most returns how many pods of a kind there may be at once.
func (d Documents) most(pod *corev1.Pod) (int64, error) {
	scalers, err := d.scalers()
	if err != nil {
		return 0, err
	}
	for _, scaler := range scalers {
		if scaler.Namespace == pod.Namespace && scaler.Spec.ScaleTargetRef.Name+"-0" == pod.Name {
			return int64(scaler.Spec.MaxReplicas) + 1, nil
		}
	}
	return 1, nil
}

// release is a tag that does not move: the version of a release.
var release = regexp.MustCompile(`^v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?$`)

// checkTags wants images of a release, which are not what somebody pushed last.
func checkTags(pods []*corev1.Pod) (err error) {
	for _, pod := range pods {
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			image := c.Image[strings.LastIndex(c.Image, "/")+1:]
			if _, tag, _ := strings.Cut(image, ":"); !release.MatchString(tag) {
				err = errors.Join(err, fmt.Errorf("pod %s: the image %s is of no release", pod.Name, c.Image))
			}
			if c.ImagePullPolicy == corev1.PullNever {
				err = errors.Join(err, fmt.Errorf("pod %s: no node gets the image %s", pod.Name, c.Image))
			}
		}
		if s := pod.Spec; s.HostNetwork || s.HostPID || s.HostIPC {
			err = errors.Join(err, fmt.Errorf("pod %s uses the node's network or processes", pod.Name))
		}
		for _, v := range pod.Spec.Volumes {
			if v.HostPath != nil {
				err = errors.Join(err, fmt.Errorf("pod %s has the volume %s of its node", pod.Name, v.Name))
			}
		}
	}
	return err
}

// checkNamespace wants the store's namespace to refuse pods with rights, and to be in the mesh.
func (d Documents) checkNamespace() error {
	if !d.Has("Namespace", "", "ecommerce") {
		return errors.New("there is no Namespace ecommerce")
	}
	for _, document := range d.OfKind("Namespace") {
		labels := document.GetLabels()
		for _, mode := range []string{"enforce", "audit", "warn"} {
			if level := labels["pod-security.kubernetes.io/"+mode]; level != "restricted" {
				return fmt.Errorf("Namespace %s: the pod security of %s is %q", document.GetName(), mode, level)
			}
		}
		if labels["istio-injection"] != "enabled" && !d.ambient() {
			return fmt.Errorf("Namespace %s is not in the mesh", document.GetName())
		}
	}
	return nil
}

// checkOperated wants what nobody sees before it is needed: backups, bounds, and closed doors.
func (d Documents) checkOperated(pods []*corev1.Pod, sources string) error {
	return errors.Join(d.checkRouter(sources), d.checkSchedules(), d.checkStorage(), d.checkSettings(), d.checkTraffic(), d.checkDestinations(), d.checkIntercepted(), d.checkJobs(),
		d.checkMeshTelemetry(), d.checkWatch(pods), d.checkSchemes(pods),
		d.checkRoles(), d.checkQuota(pods), d.checkNamespace(), checkTags(pods), d.checkSilent(pods), d.checkEnvironment(sources), d.checkDiscovery(pods))
}
