package verify

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Walls are the NetworkPolicies: what the network lets pass, whatever proxies
// say.
type Walls []networkingv1.NetworkPolicy

// Walls reads them.
func (d Documents) Walls() (Walls, error) {
	var walls Walls
	for _, document := range d.OfKind("NetworkPolicy") {
		var policy networkingv1.NetworkPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(document.Object, &policy, true); err != nil {
			return nil, fmt.Errorf("%s: NetworkPolicy %s: %w", document.File, document.GetName(), err)
		}
		walls = append(walls, policy)
	}
	return walls, nil
}

// A place is where one end of a connection is: in a namespace, or outside the
// cluster if that has no name.
type place struct {
	namespace string
	labels    map[string]string
}

// Leaves wants the policies of a pod to let it open a connection.
func (w Walls) Leaves(from *corev1.Pod, to place, port string) error {
	return w.pass(from, networkingv1.PolicyTypeEgress, func(p networkingv1.NetworkPolicy) (bool, error) {
		for _, rule := range p.Spec.Egress {
			if ok, err := peersMatch(rule.To, p.Namespace, to); err != nil || ok && portsMatch(rule.Ports, corev1.ProtocolTCP, port) {
				return ok, err
			}
		}
		return false, nil
	})
}

// Enters wants the policies of a pod to let a connection in.
func (w Walls) Enters(to *corev1.Pod, from place, port string) error {
	return w.pass(to, networkingv1.PolicyTypeIngress, func(p networkingv1.NetworkPolicy) (bool, error) {
		for _, rule := range p.Spec.Ingress {
			if ok, err := peersMatch(rule.From, p.Namespace, from); err != nil || ok && portsMatch(rule.Ports, corev1.ProtocolTCP, port) {
				return ok, err
			}
		}
		return false, nil
	})
}

// pass wants one of the policies that select the pod to say yes, or that none
// of them speaks of the direction.
func (w Walls) pass(pod *corev1.Pod, direction networkingv1.PolicyType, says func(networkingv1.NetworkPolicy) (bool, error)) error {
	guarded := false
	for _, policy := range w {
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			return err
		}
		if policy.Namespace != pod.Namespace || !selector.Matches(labels.Set(pod.Labels)) || !speaksOf(policy, direction) {
			continue
		}
		guarded = true
		if ok, err := says(policy); err != nil || ok {
			return err
		}
	}
	if guarded {
		return fmt.Errorf("no NetworkPolicy lets it pass (%s of %s)", direction, pod.Name)
	}
	return nil
}

func speaksOf(policy networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	for _, t := range policy.Spec.PolicyTypes {
		if t == direction {
			return true
		}
	}
	return false
}

// peersMatch says whether a place is among the peers of a rule; a rule without
// peers is for all.
func peersMatch(peers []networkingv1.NetworkPolicyPeer, own string, p place) (bool, error) {
	for _, peer := range peers {
		ok, err := peerMatches(peer, own, p)
		if err != nil || ok {
			return ok, err
		}
	}
	return len(peers) == 0, nil
}

func peerMatches(peer networkingv1.NetworkPolicyPeer, own string, p place) (bool, error) {
	if peer.IPBlock != nil {
		return p.namespace == "", nil
	}
	namespaces := labels.SelectorFromSet(labels.Set{corev1.LabelMetadataName: own})
	pods := labels.Everything()
	var err error
	if peer.NamespaceSelector != nil {
		if namespaces, err = metav1.LabelSelectorAsSelector(peer.NamespaceSelector); err != nil {
			return false, err
		}
	}
	if peer.PodSelector != nil {
		if pods, err = metav1.LabelSelectorAsSelector(peer.PodSelector); err != nil {
			return false, err
		}
	}
	return p.namespace != "" && namespaces.Matches(labels.Set{corev1.LabelMetadataName: p.namespace}) && pods.Matches(labels.Set(p.labels)), nil
}

func portsMatch(ports []networkingv1.NetworkPolicyPort, protocol corev1.Protocol, port string) bool {
	for _, p := range ports {
		if (p.Protocol == nil && protocol == corev1.ProtocolTCP || p.Protocol != nil && *p.Protocol == protocol) && (p.Port == nil || p.Port.String() == port) {
			return true
		}
	}
	return len(ports) == 0
}

// behind is a pod that a Service leads to, and the port there.
func (d Documents) behind(namespace, name, port string) (*corev1.Pod, string, error) {
	pods, err := d.Pods()
	if err != nil {
		return nil, "", err
	}
	for _, document := range d.OfKind("Service") {
		var service corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &service); err != nil {
			return nil, "", err
		}
		if service.Namespace != namespace || service.Name != name {
			continue
		}
		for _, p := range service.Spec.Ports {
			if strconv.Itoa(int(p.Port)) != port {
				continue
			}
			for _, pod := range selected(pods, namespace, service.Spec.Selector) {
				if number, ok := portOf(pod, p); ok {
					return pod, number, nil
				}
			}
		}
		return nil, "", fmt.Errorf("the Service %s has no port %s that leads somewhere", name, port)
	}
	return nil, "", fmt.Errorf("there is no Service %s in %s", name, namespace)
}

func portOf(pod *corev1.Pod, port corev1.ServicePort) (string, bool) {
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == port.TargetPort.String() || p.ContainerPort == port.TargetPort.IntVal {
				return strconv.Itoa(int(p.ContainerPort)), true
			}
		}
	}
	return "", false
}
