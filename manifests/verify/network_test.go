package verify

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// check wants the walls to have the doors the mesh needs, and no more.
func (w Walls) check(store []*corev1.Pod) error {
	gateway := place{namespace: "istio-system", labels: gatewayPod().Labels}
	dns := place{namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}}
	for _, pod := range store {
		for _, port := range append(podPorts(pod), 15020) { // 15020 is where Prometheus scrapes
			if err := w.Enters(pod, gateway, fmt.Sprint(port)); err != nil {
				return fmt.Errorf("from istio-system: %w", err)
			}
			for _, stranger := range []place{{namespace: "default"}, {namespace: "kube-system"}, {}} {
				if w.Enters(pod, stranger, fmt.Sprint(port)) == nil {
					return fmt.Errorf("%s can be reached at port %d from the namespace %q", pod.Name, port, stranger.namespace)
				}
			}
		}
		if err := w.Leaves(pod, place{namespace: "istio-system"}, "15012"); err != nil {
			return fmt.Errorf("to istiod: %w", err)
		}
		if err := w.resolves(pod, dns); err != nil {
			return err
		}
		for _, closed := range []struct {
			to   place
			port string
		}{{place{}, "443"}, {place{namespace: "default"}, "443"}, {place{namespace: "kube-system"}, "53"}, {dns, "443"}, {place{namespace: "istio-system"}, "9090"}, {place{namespace: "ecommerce-mail"}, "443"}} {
			if w.Leaves(pod, closed.to, closed.port) == nil {
				return fmt.Errorf("%s can reach port %s of the namespace %q", pod.Name, closed.port, closed.to.namespace)
			}
		}
	}
	return nil
}

// resolves wants the pod to reach the cluster's DNS by both protocols.
func (w Walls) resolves(pod *corev1.Pod, dns place) error {
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		err := w.pass(pod, networkingv1.PolicyTypeEgress, func(p networkingv1.NetworkPolicy) (bool, error) {
			for _, rule := range p.Spec.Egress {
				if ok, err := peersMatch(rule.To, p.Namespace, dns); err != nil || ok && portsMatch(rule.Ports, protocol, "53") {
					return ok, err
				}
			}
			return false, nil
		})
		if err != nil {
			return fmt.Errorf("names by %s: %w", protocol, err)
		}
	}
	return nil
}
