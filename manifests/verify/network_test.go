package verify

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// nodeLocalDNS is the address of Kubernetes' NodeLocal DNSCache on each node.
const nodeLocalDNS = "169.254.20.10"

// check returns an error unless the policies allow exactly the connections that the mesh
// needs.
func (n NetworkPolicies) check(store []*corev1.Pod) error {
	gateway := endpoint{namespace: "istio-system", labels: gatewayPod().Labels}
	dns := endpoint{namespace: "kube-system", labels: map[string]string{"k8s-app": "kube-dns"}}
	for _, pod := range store {
		for _, port := range append(podPorts(pod), 15020) { // 15020 is where Prometheus scrapes
			if err := n.AllowIngress(pod, gateway, fmt.Sprint(port)); err != nil {
				return fmt.Errorf("from istio-system: %w", err)
			}
			for _, stranger := range []endpoint{{namespace: "default"}, {namespace: "kube-system"}, {}} {
				if n.AllowIngress(pod, stranger, fmt.Sprint(port)) == nil {
					return fmt.Errorf("%s can be reached at port %d from the namespace %q", pod.Name, port, stranger.namespace)
				}
			}
		}
		if err := n.AllowEgress(pod, endpoint{namespace: "istio-system"}, "15012"); err != nil {
			return fmt.Errorf("to istiod: %w", err)
		}
		for _, server := range []endpoint{dns, {ip: nodeLocalDNS}} {
			if err := n.resolves(pod, server); err != nil {
				return err
			}
		}
		for _, closed := range []struct {
			to   endpoint
			port string
		}{{to: endpoint{}, port: "443"}, {to: endpoint{namespace: "default"}, port: "443"}, {to: endpoint{namespace: "kube-system"}, port: "53"}, {to: dns, port: "443"}, {to: endpoint{ip: nodeLocalDNS}, port: "443"}, {to: endpoint{ip: "169.254.169.254"}, port: "80"}, {to: endpoint{namespace: "istio-system"}, port: "9090"}, {to: endpoint{namespace: "ecommerce-mail"}, port: "443"}} {
			if n.AllowEgress(pod, closed.to, closed.port) == nil {
				return fmt.Errorf("%s can reach port %s of the namespace %q", pod.Name, closed.port, closed.to.namespace)
			}
		}
	}
	return nil
}

// resolves returns an error unless the pod reaches the cluster's DNS over both protocols.
func (n NetworkPolicies) resolves(pod *corev1.Pod, dns endpoint) error {
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		err := n.pass(pod, networkingv1.PolicyTypeEgress, func(p networkingv1.NetworkPolicy) (bool, error) {
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

// Each file of the guide that opens the way out of the cluster opens it for one service
// alone, and to the ports of TLS.
func TestEgressIsForOneService(t *testing.T) {
	for file, want := range map[string]struct {
		app   string
		ports []string
	}{
		"backup-egress.yaml":  {"backup", []string{"443"}},
		"payment-egress.yaml": {"order-service", []string{"443"}},
		"mail-egress.yaml":    {"notification-service", []string{"465", "587"}},
	} {
		t.Run(file, func(t *testing.T) { checkEgress(t, filepath.Join(guide, file), want.app, want.ports) })
	}
}

// blockOf returns the first address of the network that a file opens the way to.
func blockOf(t *testing.T, added Documents) string {
	t.Helper()
	policies, err := added.NetworkPolicies()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range policies {
		for _, rule := range p.Spec.Egress {
			for _, peer := range rule.To {
				if peer.IPBlock != nil {
					return netip.MustParsePrefix(peer.IPBlock.CIDR).Addr().String()
				}
			}
		}
	}
	t.Fatal("the file opens the way to no network")
	return ""
}

func checkEgress(t *testing.T, file, app string, ports []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	added, err := decode(file, text)
	if err != nil {
		t.Fatal(err)
	}
	plain := read(t)
	before, err := plain.NetworkPolicies()
	if err != nil {
		t.Fatal(err)
	}
	after, err := plain.with(added).NetworkPolicies()
	if err != nil {
		t.Fatal(err)
	}
	pods, err := plain.Pods()
	if err != nil {
		t.Fatal(err)
	}
	outside := endpoint{ip: blockOf(t, added)}
	for _, pod := range ofStore(pods) {
		for _, port := range []string{"25", "80", "443", "465", "587"} {
			if before.AllowEgress(pod, outside, port) == nil {
				t.Errorf("%s leaves the cluster to port %s without the file", pod.Name, port)
			}
			open := after.AllowEgress(pod, outside, port) == nil
			if want := pod.Labels["app"] == app && slices.Contains(ports, port); open != want {
				t.Errorf("%s leaves the cluster to port %s: %t, want %t", pod.Name, port, open, want)
			}
		}
	}
}
