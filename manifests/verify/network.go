package verify

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// NetworkPolicies decide which connections the network allows, independently of
// the proxies.
type NetworkPolicies []networkingv1.NetworkPolicy

// NetworkPolicies reads the NetworkPolicies of the manifests.
func (d Documents) NetworkPolicies() (NetworkPolicies, error) {
	var policies NetworkPolicies
	for _, document := range d.OfKind("NetworkPolicy") {
		var policy networkingv1.NetworkPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(document.Object, &policy, true); err != nil {
			return nil, fmt.Errorf("%s: NetworkPolicy %s: %w", document.File, document.GetName(), err)
		}
		policies = append(policies, policy)
	}
	return policies, nil
}

// An endpoint is one end of a connection: in a namespace, or outside the cluster
// if namespace is empty.
type endpoint struct {
	namespace string
	labels    map[string]string
	ip        string // outside the cluster; empty for an address of the Internet
}

// AllowEgress returns an error unless the policies of a pod allow it to open a
// connection.
func (n NetworkPolicies) AllowEgress(from *corev1.Pod, to endpoint, port string) error {
	return n.pass(from, networkingv1.PolicyTypeEgress, func(p networkingv1.NetworkPolicy) (bool, error) {
		for _, rule := range p.Spec.Egress {
			if ok, err := peersMatch(rule.To, p.Namespace, to); err != nil || ok && portsMatch(rule.Ports, corev1.ProtocolTCP, port) {
				return ok, err
			}
		}
		return false, nil
	})
}

// AllowIngress returns an error unless the policies of a pod allow a connection
// to it.
func (n NetworkPolicies) AllowIngress(to *corev1.Pod, from endpoint, port string) error {
	return n.pass(to, networkingv1.PolicyTypeIngress, func(p networkingv1.NetworkPolicy) (bool, error) {
		for _, rule := range p.Spec.Ingress {
			if ok, err := peersMatch(rule.From, p.Namespace, from); err != nil || ok && portsMatch(rule.Ports, corev1.ProtocolTCP, port) {
				return ok, err
			}
		}
		return false, nil
	})
}

// pass returns an error unless one of the policies that select the pod allows the
// connection, or none of them applies to the direction.
func (n NetworkPolicies) pass(pod *corev1.Pod, direction networkingv1.PolicyType, says func(networkingv1.NetworkPolicy) (bool, error)) error {
	guarded := false
	for _, policy := range n {
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			return err
		}
		if policy.Namespace != pod.Namespace || !selector.Matches(labels.Set(pod.Labels)) || !appliesTo(policy, direction) {
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

func appliesTo(policy networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	for _, t := range policy.Spec.PolicyTypes {
		if t == direction {
			return true
		}
	}
	return false
}

// internet is an address outside the cluster, of the network in the examples of the guide.
const internet = "203.0.113.7"

// peersMatch reports whether an endpoint is among the peers of a rule; a rule
// without peers applies to all.
func peersMatch(peers []networkingv1.NetworkPolicyPeer, own string, p endpoint) (bool, error) {
	for _, peer := range peers {
		ok, err := peerMatches(peer, own, p)
		if err != nil || ok {
			return ok, err
		}
	}
	return len(peers) == 0, nil
}

func peerMatches(peer networkingv1.NetworkPolicyPeer, own string, p endpoint) (bool, error) {
	if peer.IPBlock != nil {
		block, err := netip.ParsePrefix(peer.IPBlock.CIDR)
		return err == nil && p.namespace == "" && block.Contains(netip.MustParseAddr(cmp.Or(p.ip, internet))), err
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

// behind returns a pod that a Service selects, and the port there.
func (d Documents) behind(namespace, name, port string) (*corev1.Pod, string, error) {
	for _, document := range d.OfKind("Service") {
		if document.GetNamespace() != namespace || document.GetName() != name {
			continue
		}
		var service corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &service); err != nil {
			return nil, "", err
		}
		pods, err := d.selected(namespace, service.Spec.Selector).Pods()
		if err != nil {
			return nil, "", err
		}
		for _, p := range service.Spec.Ports {
			if strconv.Itoa(int(p.Port)) != port {
				continue
			}
			for _, pod := range pods {
				if number, ok := portOf(pod, p); ok {
					return pod, number, nil
				}
			}
		}
		return nil, "", fmt.Errorf("the Service %s has no port %s that a pod serves", name, port)
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
