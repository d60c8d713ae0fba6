package verify

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"
)

//go:embed operator.yaml
var operatorFile []byte

// operatorSettings are what only the operator of a store knows: operator.yaml.
type operatorSettings struct {
	Changed               bool
	Secrets, Hosts, Calls []string
}

// settings returns what operator.yaml says.
var settings = sync.OnceValues(func() (operatorSettings, error) { return parseOperator(operatorFile) })

func parseOperator(text []byte) (o operatorSettings, err error) {
	if err := yaml.UnmarshalStrict(text, &o); err != nil {
		return o, fmt.Errorf("operator.yaml: %w", err)
	}
	for _, call := range o.Calls {
		var from, to string
		if n, err := fmt.Sscanf(call, "%s > %s", &from, &to); n != 2 || err != nil || !strings.Contains(from, "/") || !strings.Contains(to, ":") {
			return o, fmt.Errorf("operator.yaml: the call %q is not like ecommerce/api-gateway > reviews-service:8080", call)
		}
	}
	return o, nil
}

// created are the Secrets of the namespace ecommerce, with their keys, that commands of
// docs/operations.md create, and not 01-secrets.yaml.
var created = map[string][]string{
	"mail":          {"SMTP_URL"},
	"first-admin":   {"ADMIN_PASSWORD"},
	"backup-bucket": {"BACKUP_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
}

// elsewhere reports whether a Secret with a key, or with any key, is not in the manifests, but
// the guide or the operator creates it.
func elsewhere(namespace, name, key string) (bool, error) {
	o, err := settings()
	keys, guided := created[name]
	return namespace == "ecommerce" && (slices.Contains(o.Secrets, name) || guided && (key == "" || slices.Contains(keys, key))), err
}

// simulated reports whether a part of the simulated payment provider is in the manifests. Then
// all of it must be.
func (d Documents) simulated() bool {
	for _, document := range d.OfKind("Deployment", "Service", "StatefulSet", "Cluster") {
		if name := document.GetName(); name == paymentProvider || name == "payment-postgres" {
			return true
		}
	}
	return false
}

// programs are those of the store that the manifests have: Programs, without the simulated
// payment provider once a real one has taken its place.
func (d Documents) programs() []string {
	return slices.DeleteFunc(slices.Clone(Programs), func(name string) bool { return name == paymentProvider && !d.simulated() })
}

// outside reports whether a host is none of the cluster. Inside, the mesh encrypts, and URLs say
// http; to a host with a domain, a URL must ask for TLS itself.
func (d Documents) outside(host string, tls bool) bool {
	if at, err := netip.ParseAddr(host); err == nil && !at.IsGlobalUnicast() {
		return false // such as 169.254.169.254, at which clouds give credentials away
	}
	_, rest, domain := strings.Cut(host, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	return tls && domain && !strings.HasSuffix(host, ".svc") && !strings.HasSuffix(host, ".cluster.local") &&
		namespace != "ecommerce" && namespace != "istio-system" && !d.Has("Namespace", "", namespace)
}

// networks are bounds of a network of proxies, in bits: those of the largest CDNs are smaller.
const (
	networkBits  = 10
	network6Bits = 24
)

// proxies reports whether a network can be that of proxies in front of the router: neither
// everything, nor addresses that no peer has.
func proxies(network netip.Prefix) bool {
	least := networkBits
	switch at := network.Addr(); {
	case at.IsLoopback() && at.Is4():
		least = 8
	case at.IsLoopback():
		least = 128
	case at.Is6():
		least = network6Bits
	}
	return network.Bits() >= least && (network.Addr().IsGlobalUnicast() || network.Addr().IsLoopback())
}
