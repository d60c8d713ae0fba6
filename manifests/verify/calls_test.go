package verify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// allowed lists every request that a pod of the store accepts, among those that anyone
// could make: from whom, to which port, with which methods and paths.
var allowed = []string{
	"ecommerce/api-gateway > inventory-service:8080 GET /graphql",
	"ecommerce/api-gateway > inventory-service:8080 POST /graphql",
	"ecommerce/api-gateway > notification-service:8080 GET /graphql",
	"ecommerce/api-gateway > notification-service:8080 POST /graphql",
	"ecommerce/api-gateway > order-service:8080 GET /graphql",
	"ecommerce/api-gateway > order-service:8080 POST /graphql",
	"ecommerce/api-gateway > product-service:8080 GET /graphql",
	"ecommerce/api-gateway > product-service:8080 POST /graphql",
	"ecommerce/api-gateway > redis:6379",
	"ecommerce/api-gateway > user-service:8080 GET /.well-known/jwks.json",
	"ecommerce/api-gateway > user-service:8080 GET /graphql",
	"ecommerce/api-gateway > user-service:8080 POST /graphql",
	"ecommerce/backup > inventory-postgres:5432",
	"ecommerce/backup > notification-postgres:5432",
	"ecommerce/backup > order-postgres:5432",
	"ecommerce/backup > payment-postgres:5432",
	"ecommerce/backup > product-postgres:5432",
	"ecommerce/backup > user-postgres:5432",
	"ecommerce/inventory-service > inventory-postgres:5432",
	"ecommerce/inventory-service > product-service:8080 POST /graphql",
	"ecommerce/inventory-service > redis:6379",
	"ecommerce/inventory-service > user-service:8080 GET /.well-known/jwks.json",
	"ecommerce/inventory-service > user-service:8080 POST /graphql",
	"ecommerce/load-test > api-gateway:8080 *",
	"ecommerce/notification-service > notification-postgres:5432",
	"ecommerce/notification-service > redis:6379",
	"ecommerce/notification-service > user-service:8080 GET /.well-known/jwks.json",
	"ecommerce/notification-service > user-service:8080 POST /graphql",
	"ecommerce/order-service > inventory-service:8080 GET /graphql",
	"ecommerce/order-service > inventory-service:8080 POST /graphql",
	"ecommerce/order-service > order-postgres:5432",
	"ecommerce/order-service > payment-provider:8080 POST /payments/1",
	"ecommerce/order-service > payment-provider:8080 PUT /payments/1",
	"ecommerce/order-service > product-service:8080 POST /graphql",
	"ecommerce/order-service > redis:6379",
	"ecommerce/order-service > user-service:8080 GET /.well-known/jwks.json",
	"ecommerce/order-service > user-service:8080 POST /graphql",
	"ecommerce/payment-provider > payment-postgres:5432",
	"ecommerce/product-service > inventory-service:8080 POST /graphql",
	"ecommerce/product-service > product-postgres:5432",
	"ecommerce/product-service > redis:6379",
	"ecommerce/product-service > user-service:8080 GET /.well-known/jwks.json",
	"ecommerce/product-service > user-service:8080 POST /graphql",
	"ecommerce/user-service > redis:6379",
	"ecommerce/user-service > user-postgres:5432",
	"istio-system/istio-ingressgateway-service-account > api-gateway:8080 *",
	"istio-system/istio-ingressgateway-service-account > product-service:8080 GET /images/1.svg",
	"istio-system/istio-ingressgateway-service-account > product-service:8080 HEAD /images/1.svg",
	"istio-system/istio-ingressgateway-service-account > user-service:8080 GET /.well-known/jwks.json",
}

var (
	methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE"}
	paths   = []string{"/", "/graphql", "/graphql/x", "/api/products", "/images/1.svg", "/.well-known/jwks.json", "/metrics", "/readyz", "/invalidation", "/payments", "/payments/1", "/faults"}
)

// The policies allow what is needed and nothing else: every service account, Istio's
// gateway and strangers try every port of every pod with every method and path, and
// Envoy's rules decide.
func TestPoliciesAllowOnlyNeededCalls(t *testing.T) {
	if err := difference(letIn(t, read(t))); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]fault{
		"principal": {file: "10", old: "sa/order-service\n      to:\n        - operation: {methods: [GET, POST]", new: "sa/user-service\n      to:\n        - operation: {methods: [GET, POST]", said: "not let in: ecommerce/order-service > inventory-service:8080 GET /graphql"},
		"method":    {file: "10", old: "methods: [POST], paths", new: "methods: [POST, PUT], paths", said: "let in: ecommerce/product-service > inventory-service:8080 PUT /graphql"},
		"path":      {file: "10", old: `methods: [GET, POST], paths: ["/graphql"]`, new: `methods: [GET, POST], paths: ["/*"]`, said: "let in: ecommerce/api-gateway > order-service:8080 POST /graphql/x"},
		"port":      {file: "10", old: `operation: {ports: ["8080"]}`, new: `operation: {ports: ["8080", "9090"]}`, said: "let in: ecommerce/load-test > api-gateway:9090 *"},
		"database":  {file: "10", old: "matchLabels: {app: user-postgres}", new: "matchLabels: {app: order-postgres}", said: "not let in: ecommerce/user-service > user-postgres:5432"},
		"backup":    {file: "10", old: "sa/inventory-service\n              - cluster.local/ns/ecommerce/sa/backup", new: "sa/inventory-service", said: "not let in: ecommerce/backup > inventory-postgres:5432"},
		"payment":   {file: "06", old: `methods: [PUT, POST], paths: ["/payments/*"]`, new: `methods: [PUT, POST], paths: ["/*"]`, said: "let in: ecommerce/order-service > payment-provider:8080 PUT /faults"},
		"payer":     {file: "06-p", old: "sa/order-service", new: "sa/api-gateway", said: "let in: ecommerce/api-gateway > payment-provider:8080 POST /payments/1"},
		"payments":  {file: "06-p", old: "sa/payment-provider", new: "sa/order-service", said: "not let in: ecommerce/payment-provider > payment-postgres:5432"},
		"default":   {file: "10", old: "name: deny-by-default\n  namespace: ecommerce\n  labels: {app.kubernetes.io/part-of: souk}\nspec: {}", new: "name: deny-by-default\n  namespace: ecommerce\n  labels: {app.kubernetes.io/part-of: souk}\nspec: {rules: [{}]}", said: "let in: default/order-service > order-service:8080 *"},
	} {
		wrong.noticed(t, name, difference(letIn(t, wrong.read(t))))
	}
}

// difference returns an error unless exactly the allowed requests are let in.
func difference(got []string) error {
	store, err := Read(dir)
	if err != nil {
		return err
	}
	return differs(got, slices.DeleteFunc(slices.Clone(allowed), func(request string) bool {
		return !store.simulated() && strings.Contains(request, "payment-")
	}))
}

func differs(got, want []string) error {
	var err error
	for _, request := range got {
		if !slices.Contains(want, request) {
			err = errors.Join(err, fmt.Errorf("let in: %s", request))
		}
	}
	for _, request := range want {
		if !slices.Contains(got, request) {
			err = errors.Join(err, fmt.Errorf("not let in: %s", request))
		}
	}
	return err
}

func letIn(t *testing.T, documents Documents) []string {
	t.Helper()
	return letInto(t, documents, append(storeApps, "load-test"))
}

func letInto(t *testing.T, documents Documents, apps []string) []string {
	t.Helper()
	m := newMesh(t, documents)
	accounts := []string{"istio-system/" + ingress, "istio-system/prometheus", "ecommerce/default", "default/order-service"}
	for _, account := range documents.OfKind("ServiceAccount") {
		if account.GetNamespace() == "ecommerce" {
			accounts = append(accounts, "ecommerce/"+account.GetName())
		}
	}
	var found []string
	for _, app := range apps {
		if strings.HasPrefix(app, "payment-") && !documents.simulated() {
			continue
		}
		for _, port := range podPorts(m.pods[app]) {
			chain, err := m.inboundTLS(app, port)
			if err != nil {
				continue // no Service has this port: TestEnvoyConfigurationMatchesTheManifests checks these chains
			}
			for _, account := range accounts {
				found = append(found, tries(t, fmt.Sprintf("%s > %s:%d", account, app, port), func(method, path string) bool {
					ok, err := allows(chain, request{account: account, port: port, method: method, path: path})
					if err != nil {
						t.Fatal(err)
					}
					return ok
				}, port)...)
			}
		}
	}
	slices.Sort(found)
	return found
}

// tries makes all requests of one account to one port and returns those that are let in,
// as one entry if all are.
func tries(t *testing.T, name string, let func(method, path string) bool, port uint32) []string {
	t.Helper()
	if port == 6379 || port == 26379 || port == 5432 { // not HTTP
		if let("", "") {
			return []string{name}
		}
		return nil
	}
	var found []string
	for _, method := range methods {
		for _, path := range paths {
			if let(method, path) {
				found = append(found, name+" "+method+" "+path)
			}
		}
	}
	if len(found) == len(methods)*len(paths) {
		return []string{name + " *"}
	}
	return found
}

// Programs may make the calls that they are configured to make, by the policies of the
// mesh and of the network.
func TestConfiguredCallsAreAllowed(t *testing.T) {
	if err := getThrough(t, read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"service of the environment":  {file: "04", old: "http://user-service:8080", new: "http://order-service:8080", said: "product-service-0 calls order-service:8080: no policy lets"},
		"database of the Secret":      {file: "01-s", old: "@order-postgres:5432", new: "@user-postgres:5432", said: "order-service-0 calls user-postgres:5432: no policy lets"},
		"payment provider":            {file: "06-o", old: "http://payment-provider:8080", new: "http://payment-provider:80", said: "order-service-0 calls payment-provider:80: the Service payment-provider has no port 80"},
		"database of payments":        {file: "01-s", old: "@payment-postgres:5432", new: "@order-postgres:5432", said: "payment-provider-0 calls order-postgres:5432: no policy lets"},
		"service of the supergraph":   {file: "08", old: "http://order-service:8080", new: "http://orders-service:8080", said: "there is no Service orders-service in ecommerce"},
		"Redis of the configuration":  {file: "08", old: "redis://redis-service:6379", new: "redis://redis:6379", said: "there is no Service redis in ecommerce"},
		"port of the collector":       {file: "03", old: "otel-collector.istio-system:4318", new: "otel-collector.istio-system:4319", said: "the Service otel-collector has no port 4319"},
		"exporter's database":         {file: "03", old: "localhost:5432/user", new: "postgres://user-postgres:5432/user", said: "user-postgres-0 calls user-postgres:5432: no policy lets"},
		"egress to the collector":     {file: "10", old: "- {protocol: TCP, port: 4318}", new: "- {protocol: UDP, port: 4318}", said: "calls otel-collector.istio-system:4318: no NetworkPolicy"},
		"egress to mail":              {file: "10", old: "kubernetes.io/metadata.name: ecommerce-mail", new: "kubernetes.io/metadata.name: mail", said: "calls mail.ecommerce-mail.svc.cluster.local:25: no NetworkPolicy"},
		"ingress from the store":      {file: "10", old: "        - podSelector: {}\n  egress:", new: "  egress:", said: "calls redis-service:6379: no NetworkPolicy lets it pass (Ingress"},
		"ingress from the gateway":    {file: "10", old: "    - from:\n        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}", new: "    - from:\n        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio}}", said: "from istio-system: no NetworkPolicy lets it pass (Ingress"},
		"egress to the store":         {file: "10", old: "  egress:\n    - to:\n        - podSelector: {}\n", new: "  egress:\n", said: "calls redis-service:6379: no NetworkPolicy lets it pass (Egress"},
		"names":                       {file: "10", old: "kube-dns}}\n      ports:\n        - {protocol: UDP, port: 53}", new: "kube-dns}}\n      ports:\n        - {protocol: UDP, port: 54}", said: "names by UDP: no NetworkPolicy"},
		"names on the node":           {file: "10", old: "169.254.20.10/32", new: "169.254.20.11/32", said: "names by UDP: no NetworkPolicy"},
		"port of istiod":              {file: "10", old: "- {protocol: TCP, port: 15012}", new: "- {protocol: TCP, port: 15013}", said: "to istiod: no NetworkPolicy"},
		"wall around the store":       {file: "10", old: "    - from:\n        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}", new: "    - from:\n        - namespaceSelector: {}", said: "can be reached at port 6379 from the namespace \"default\""},
		"wall around what is outside": {file: "10", old: "  egress:\n    - to:\n        - podSelector: {}\n", new: "  egress:\n    - {}\n", said: "can reach port 443 of the namespace \"\""},
	} {
		if name == "egress to mail" && (fault{file: "07", old: "mail.ecommerce-mail"}).leftOut(t) {
			continue // a Secret has the address of another server
		}
		wrong.noticed(t, name, getThrough(t, wrong.read(t)))
	}
}

func getThrough(t *testing.T, documents Documents, others ...string) error {
	t.Helper()
	accepted := append(slices.Clone(allowed), others...)
	pods, err := documents.Pods()
	if err != nil {
		return err
	}
	return getThroughPods(documents, ofStore(pods), accepted)
}

// getThroughPods returns an error unless the pods of the store may make their calls, and those are
// among the accepted ones.
func getThroughPods(documents Documents, store []*corev1.Pod, accepted []string) error {
	calls, err := documents.Calls(store)
	if err != nil {
		return err
	}
	o, err := settings()
	if err != nil {
		return err
	}
	accepted = append(slices.Clone(accepted), o.Calls...)
	if len(calls) < 20 {
		return fmt.Errorf("the store is configured to make %d calls only", len(calls))
	}
	policies, err := documents.NetworkPolicies()
	if err != nil {
		return err
	}
	for _, call := range calls {
		if call.Host == "localhost" || call.Host == "127.0.0.1" {
			continue
		}
		if slices.Contains(o.Hosts, call.Host) && strings.Contains(call.Host, ".") || documents.outside(call.Host, call.TLS) {
			if err := documents.leaves(call); err != nil {
				return fmt.Errorf("%s calls %s:%s: %w", call.From.Name, call.Host, call.Port, err)
			}
			continue
		}
		if err := reaches(documents, policies, call, accepted); err != nil {
			return fmt.Errorf("%s calls %s:%s: %w", call.From.Name, call.Host, call.Port, err)
		}
	}
	return policies.check(store)
}

// leaves returns an error unless the network lets a call out of the namespace, with the policies
// of the guide, which are applied by themselves.
func (d Documents) leaves(call Call) error {
	files, err := filepath.Glob(filepath.Join(guide, "*-egress.yaml"))
	if err != nil {
		return err
	}
	all := d
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		documents, err := decode(filepath.Base(file), text)
		if err != nil {
			return err
		}
		all = slices.Concat(all, documents)
	}
	policies, err := all.NetworkPolicies()
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(call.Host, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	ends := []endpoint{{namespace: namespace}}
	for _, p := range policies {
		for _, rule := range p.Spec.Egress {
			for _, peer := range rule.To {
				if peer.IPBlock != nil {
					address, _, _ := strings.Cut(peer.IPBlock.CIDR, "/")
					ends = append(ends, endpoint{ip: address})
				}
			}
		}
	}
	if !slices.ContainsFunc(ends, func(to endpoint) bool { return policies.AllowEgress(call.From, to, call.Port) == nil }) {
		return fmt.Errorf("no NetworkPolicy lets it pass (Egress of %s), also not with docs/*-egress.yaml", call.From.Name)
	}
	return nil
}

// reaches returns an error unless the policies of both pods allow the call, and it is among
// the accepted ones.
func reaches(documents Documents, policies NetworkPolicies, call Call, accepted []string) error {
	name, rest, _ := strings.Cut(call.Host, ".")
	if documents.Has("Service", "ecommerce", rest) { // the name of one of its pods
		name, rest = rest, ""
	}
	namespace, _, _ := strings.Cut(rest, ".")
	if namespace == "" {
		namespace = "ecommerce"
	}
	if namespace == "ecommerce-mail" { // not in these files
		return policies.AllowEgress(call.From, endpoint{namespace: namespace}, call.Port)
	}
	target, port, err := documents.behind(namespace, name, call.Port)
	if err != nil {
		return err
	}
	to := endpoint{namespace: namespace, labels: target.Labels}
	if err := policies.AllowEgress(call.From, to, port); err != nil || namespace != "ecommerce" {
		return err
	}
	if err := policies.AllowIngress(target, endpoint{namespace: "ecommerce", labels: call.From.Labels}, port); err != nil {
		return err
	}
	want := fmt.Sprintf("ecommerce/%s > %s:%s", call.From.Spec.ServiceAccountName, target.Labels["app"], port)
	if !slices.ContainsFunc(accepted, func(a string) bool { return a == want || strings.HasPrefix(a, want+" ") }) {
		return fmt.Errorf("no policy lets %q in", want)
	}
	return nil
}
