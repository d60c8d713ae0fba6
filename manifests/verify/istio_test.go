package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	upstreams "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/jwt"
	"sigs.k8s.io/yaml"
)

// Istio's analyzers, those of `istioctl analyze`, report nothing for a cluster with all
// manifests applied.
func TestAnalyzersFindNothing(t *testing.T) {
	if err := analyze(t, read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"host":             {file: "10", old: "destination: {host: order-service,", new: "destination: {host: orders-service,", said: `host not found: "orders-service"`},
		"port":             {file: "10", old: "destination: {host: user-service, port: {number: 8080}}", new: "destination: {host: user-service, port: {number: 8081}}", said: `host:port not found: "user-service:8081"`},
		"gateway":          {file: "10", old: "gateways: [souk-gateway]", new: "gateways: [gateway]", said: `gateway not found: "gateway"`},
		"payment's port":   {file: "06-p", old: "port: {number: 8080}}", new: "port: {number: 80}}", said: `host:port not found: "payment-provider:80"`},
		"payment's rule":   {file: "06-p", old: "  host: payment-provider", new: "  host: payments", said: "The host payments defined in the DestinationRule does not match any services"},
		"subset":           {file: "10", old: "subset: v2", new: "subset: v3", said: `"product-service+v3"`},
		"version's labels": {file: "10", old: "{name: v1, labels: {version: v1}}", new: "{name: v1, labels: {version: v0}}", said: "Subset v1 defined"},
		"policy's pods":    {file: "10", old: "matchLabels: {app: order-service}", new: "matchLabels: {app: orders}", said: "No matching workloads"},
		"gateway's pods":   {file: "09", old: "  selector:\n    istio: ingressgateway", new: "  selector:\n    istio: gateway", said: `"istio=gateway"`},
		"certificate":      {file: "09", old: "credentialName: souk-tls", new: "credentialName: tls", said: `credentialName not found: "tls"`},
		"injection":        {file: "01", old: "istio-injection: enabled", new: "istio-injection: disabled", said: "No matching workloads for this resource with the following labels: app=api-gateway"},
	} {
		wrong.noticed(t, name, analyze(t, wrong.read(t)))
	}
}

func analyze(t *testing.T, documents Documents) error {
	t.Helper()
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "ecommerce", resource.Namespace("istio-system"), nil)
	var sources []local.ReaderSource
	add := func(name string, object any) {
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, local.ReaderSource{Name: name, Reader: strings.NewReader(string(text))})
	}
	for i, document := range documents {
		// A source replaces an earlier source of the same name.
		add(fmt.Sprint(document.File, "#", i), document.Object)
	}
	for _, object := range around(t, documents) {
		add("cluster", object)
		sources[len(sources)-1].Name = fmt.Sprint("cluster#", len(sources))
	}
	// This source accepts pods, Services and Secrets too: analyzers that need missing types
	// are skipped silently.
	if err := analyzer.AddTestReaderKubeSource(sources); err != nil {
		return err
	}
	if err := analyzer.AddDefaultResources(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return err
	}
	if len(result.SkippedAnalyzers) > 0 {
		t.Fatalf("these analyzers did not run: %v", result.SkippedAnalyzers)
	}
	for _, m := range result.Messages {
		err = errors.Join(err, errors.New(m.String()))
	}
	return err
}

// around has the objects of a cluster that the files do not have: pods of the store, one
// of the second version of the product service, which waits for its canary, and Istio's
// gateway with a certificate.
func around(t *testing.T, documents Documents) []any {
	t.Helper()
	var objects []any
	pods := injected(t, documents)
	if len(pods) == 0 { // injection is disabled: pods are unchanged
		var err error
		if pods, err = documents.Pods(); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range pods {
		if documents.ambient() && pod.Namespace == "ecommerce" {
			pod.Annotations = map[string]string{"ambient.istio.io/redirection": "enabled"} // by Istio's CNI plugin
		}
		objects = append(objects, pod)
		if pod.Labels["app"] == "product-service" {
			canary := pod.DeepCopy()
			canary.Name, canary.Labels["version"] = "product-service-v2", "v2"
			objects = append(objects, canary)
		}
	}
	gateway, service := gatewayPod(), gatewayService()
	gateway.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	service.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}
	certificate, key := selfSigned(t)
	return append(objects, gateway, service, &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Name: "souk-tls", Namespace: "istio-system"},
		Data:       map[string][]byte{"tls.crt": certificate, "tls.key": key},
	})
}

func selfSigned(t *testing.T) (certificate, key []byte) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"souk.example"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, &template, &template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// The configuration that Istio generates for Envoy does what the files promise, and no
// longer does once a file is changed.
func TestEnvoyConfigurationMatchesTheManifests(t *testing.T) {
	previous := features.JwksFetchMode
	features.JwksFetchMode = jwt.Envoy // as docs/operations.md installs Istio
	t.Cleanup(func() { features.JwksFetchMode = previous })

	whole := newMesh(t, read(t))
	for name, claim := range map[string]struct {
		holds  func(*mesh) error
		faults []fault
	}{
		"products have their time and tries": {holds: products, faults: []fault{
			{file: "10", old: "timeout: 30s\n      retries: {attempts: 3,", new: "timeout: 20s\n      retries: {attempts: 3,", said: "gateway.ecommerce.svc.cluster.local 20s 3 10s;"},
			{file: "10", old: "retries: {attempts: 3,", new: "retries: {attempts: 2,", said: " 30s 2 10s;"},
			{file: "10", old: "perTryTimeout: 10s", new: "perTryTimeout: 5s", said: " 30s 3 5s;"},
			{file: "10", old: "delegate: {name: product-service,", new: "delegate: {name: products,", said: "the first route for /api/products is /api/ "},
		}},
		"pictures come from the product service": {holds: pictures, faults: []fault{
			{file: "10", old: "prefix: /images/", new: "prefix: /pictures/", said: "no route is for /images/"},
			{file: "10", old: "destination: {host: product-service, subset: v1, port: {number: 8080}}\n      timeout: 10s", new: "destination: {host: api-gateway, port: {number: 8080}}\n      timeout: 10s", said: "pictures come from outbound|8080||api-gateway"},
		}},
		"streams are not cut": {holds: streams, faults: []fault{
			{file: "10", old: "- name: streams\n      match", new: "- name: streams\n      timeout: 15s\n      match", said: "a stream ends after 15s"},
			{file: "10", old: "tcp: {maxConnections: 100,", new: "tcp: {maxConnectionDuration: 60s, maxConnections: 100,", said: "connections to the router end after 1m0s"},
		}},
		"failing inventory pods are left alone": {holds: ejection, faults: []fault{
			{file: "10", old: "consecutive5xxErrors: 3\n", new: "consecutive5xxErrors: 4\n", said: "4 30s 30s;"},
			{file: "10", old: "interval: 30s\n", new: "interval: 10s\n", said: "3 10s 30s;"},
			{file: "10", old: "baseEjectionTime: 30s\n", new: "baseEjectionTime: 20s\n", said: "3 30s 20s;"},
		}},
		"connections to the router are bounded": {holds: pool, faults: []fault{
			{file: "10", old: "maxConnections: 100", new: "maxConnections: 200", said: "200 50 10;"},
			{file: "10", old: "http1MaxPendingRequests: 50", new: "http1MaxPendingRequests: 60", said: "100 60 10;"},
			{file: "10", old: "maxRequestsPerConnection: 10", new: "maxRequestsPerConnection: 20", said: "100 50 20;"},
		}},
		"order and the router reach inventory, no one else": {holds: inventory, faults: []fault{
			{file: "10", old: "sa/order-service\n      to:\n        - operation: {methods: [GET, POST]", new: "sa/user-service\n      to:\n        - operation: {methods: [GET, POST]", said: "sa/user-service"},
			{file: "10", old: "  name: inventory-access\n  namespace: ecommerce", new: "  name: inventory-access\n  namespace: default", said: "there is no rule inventory-access]-rule["},
			{file: "10", old: "methods: [GET, POST], paths", new: "methods: [GET, POST, DELETE], paths", said: `"DELETE"`},
		}},
		"nothing comes in without a certificate": {holds: strict, faults: []fault{{file: "09", old: "mode: STRICT", new: "mode: PERMISSIVE", said: "asks for no certificate"}}},
		"everything is refused by default": {holds: denied, faults: []fault{
			{file: "10", old: "name: deny-by-default\n  namespace: ecommerce", new: "name: deny-by-default\n  namespace: default", said: "lets everybody in on"},
		}},
		"tokens are checked by the gateway itself": {holds: tokens, faults: []fault{
			{file: "09", old: "issuer: souk", new: "issuer: other", said: `not checked by "issuer":"souk"`},
			{file: "09", old: "user-service.ecommerce", new: "order-service.ecommerce", said: `not checked by "cluster":"outbound|8080||user-service`},
			{file: "09", old: "istio: ingressgateway}\n  jwtRules", new: "istio: egressgateway}\n  jwtRules", said: "tokens are not checked"},
		}},
		"the gateway bounds the rate": {holds: rate, faults: []fault{
			{file: "09", old: "tokens_per_fill: 2000", new: "tokens_per_fill: 3000", said: `"tokensPerFill":3000`},
			{file: "09", old: "max_tokens: 4000", new: "max_tokens: 5000", said: `"maxTokens":5000`},
			{file: "09", old: "context: GATEWAY", new: "context: SIDECAR_INBOUND", said: "the rate is not limited"},
		}},
		"one trace in ten goes to the collector": {holds: sampled, faults: []fault{
			{file: "11", old: "randomSamplingPercentage: 10", new: "randomSamplingPercentage: 100", said: "100 of a hundred traces"},
			{file: "11", old: "providers: [{name: souk-traces}]", new: "providers: [{name: traces}]", said: "traces go nowhere"},
			{file: "11", old: "grpc-otlp, port: 4317, targetPort: grpc-otlp}\n    - {name: http-otlp, port: 4318, targetPort: http-otlp}\n---\napiVersion: apps", new: "grpc-otlp, port: 4316, targetPort: grpc-otlp}\n    - {name: http-otlp, port: 4318, targetPort: http-otlp}\n---\napiVersion: apps", said: "knows no outbound|4317||otel-collector"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := claim.holds(whole); err != nil {
				t.Fatal(err)
			}
			for _, wrong := range claim.faults {
				wrong.noticed(t, wrong.new, claim.holds(newMesh(t, wrong.read(t))))
			}
		})
	}
}

const (
	router    = "outbound|8080||api-gateway.ecommerce.svc.cluster.local"
	collector = "outbound|4317||otel-collector.istio-system.svc.cluster.local"
)

func products(m *mesh) error {
	for _, r := range m.gatewayRoutes() {
		prefix := r.GetMatch().GetPrefix()
		if prefix == "" {
			prefix = r.GetMatch().GetPathSeparatedPrefix()
		}
		if prefix == "" || !strings.HasPrefix("/api/products", prefix) { //nolint:gocritic // a route for a part of it comes first, too
			continue
		}
		a, retry := r.GetRoute(), r.GetRoute().GetRetryPolicy()
		got := fmt.Sprint(prefix, " ", a.GetCluster(), " ", a.GetTimeout().AsDuration(), " ", retry.GetNumRetries().GetValue(), " ", retry.GetPerTryTimeout().AsDuration(), ";")
		if want := "/api/products " + router + " 30s 3 10s;"; got != want {
			return fmt.Errorf("the first route for /api/products is %s; want %s", got, want)
		}
		return nil
	}
	return errors.New("no route is for /api/products")
}

func pictures(m *mesh) error {
	for _, r := range m.gatewayRoutes() {
		if r.GetMatch().GetPrefix() == "/images/" {
			if c := r.GetRoute().GetCluster(); !strings.HasPrefix(c, "outbound|8080|v1|product-service.") {
				return fmt.Errorf("pictures come from %s", c)
			}
			return nil
		}
	}
	return errors.New("no route is for /images/")
}

// streams returns an error unless the route for streams has no time limit, each proxy on
// the path ends no long or idle stream, and connections can become WebSockets.
func streams(m *mesh) error {
	i := slices.IndexFunc(m.gatewayRoutes(), func(r *route.Route) bool { return strings.Contains(r.GetRoute().GetCluster(), "|streams|") })
	if i < 0 {
		return errors.New("no route is for streams")
	}
	if err := endless(m.gatewayRoutes()[i]); err != nil {
		return fmt.Errorf("a stream %w", err)
	}
	options := new(upstreams.HttpProtocolOptions)
	for _, extension := range m.cluster(gatewayApp, "api-gateway").GetTypedExtensionProtocolOptions() {
		if err := extension.UnmarshalTo(options); err != nil {
			return err
		}
	}
	if limit := options.GetCommonHttpProtocolOptions().GetMaxConnectionDuration(); limit != nil {
		return fmt.Errorf("connections to the router end after %s", limit.AsDuration())
	}
	inbound, err := m.inboundTLS("api-gateway", 8080)
	if err != nil {
		return err
	}
	chains := []*listener.FilterChain{inbound}
	for _, l := range m.server.Listeners(m.proxy(gatewayApp)) {
		chains = append(chains, l.GetFilterChains()...)
	}
	for _, chain := range chains {
		if err := passesStreams(chain); err != nil {
			return fmt.Errorf("%s: %w", chain.GetName(), err)
		}
	}
	return nil
}

func passesStreams(chain *listener.FilterChain) error {
	for _, f := range chain.GetFilters() {
		manager := new(hcm.HttpConnectionManager)
		if !f.GetTypedConfig().MessageIs(manager) {
			continue
		}
		if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
			return err
		}
		if idle := manager.GetStreamIdleTimeout(); idle == nil || idle.AsDuration() != 0 {
			return fmt.Errorf("quiet streams end after %v", idle)
		}
		if limit := manager.GetCommonHttpProtocolOptions().GetMaxStreamDuration(); limit != nil {
			return fmt.Errorf("streams end after %v", limit)
		}
		if !slices.ContainsFunc(manager.GetUpgradeConfigs(), func(u *hcm.HttpConnectionManager_UpgradeConfig) bool { return u.GetUpgradeType() == "websocket" }) {
			return errors.New("no connection becomes a WebSocket")
		}
		for _, host := range manager.GetRouteConfig().GetVirtualHosts() {
			for _, r := range host.GetRoutes() {
				if err := endless(r); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return errors.New("it does not take HTTP")
}

// endless returns an error if a route limits the time of a request.
func endless(r *route.Route) error {
	if limit := r.GetRoute().GetTimeout(); limit == nil || limit.AsDuration() != 0 {
		return fmt.Errorf("ends after %s", limit.AsDuration())
	}
	if limit := r.GetRoute().GetMaxStreamDuration().GetMaxStreamDuration(); limit.AsDuration() != 0 {
		return fmt.Errorf("ends after %s", limit.AsDuration())
	}
	return nil
}

func ejection(m *mesh) error {
	o := m.cluster("order-service", "inventory-service").GetOutlierDetection()
	got := fmt.Sprint(o.GetConsecutive_5Xx().GetValue(), " ", o.GetInterval().AsDuration(), " ", o.GetBaseEjectionTime().AsDuration(), ";")
	if want := "3 30s 30s;"; got != want {
		return fmt.Errorf("errors, interval and time of ejection are %s want %s", got, want)
	}
	return nil
}

func pool(m *mesh) error {
	c := m.cluster(gatewayApp, "api-gateway")
	thresholds := c.GetCircuitBreakers().GetThresholds()
	if len(thresholds) != 1 {
		return fmt.Errorf("circuit breakers are %v", thresholds)
	}
	options := new(upstreams.HttpProtocolOptions)
	for _, extension := range c.GetTypedExtensionProtocolOptions() {
		if err := extension.UnmarshalTo(options); err != nil {
			return err
		}
	}
	got := fmt.Sprint(thresholds[0].GetMaxConnections().GetValue(), " ", thresholds[0].GetMaxPendingRequests().GetValue(), " ",
		options.GetCommonHttpProtocolOptions().GetMaxRequestsPerConnection().GetValue(), ";")
	if want := "100 50 10;"; got != want {
		return fmt.Errorf("connections, waiting requests and requests for a connection are %s want %s", got, want)
	}
	return nil
}

// sampled returns an error unless each proxy that accepts requests starts a trace for one
// in ten of them and sends it to the collector.
func sampled(m *mesh) error {
	for _, app := range []string{gatewayApp, "api-gateway", "order-service"} {
		chains := m.inbound(app)
		if app == gatewayApp {
			chains = m.server.Listeners(m.proxy(app))[0].GetFilterChains()
		}
		seen := false
		for _, chain := range chains {
			for _, f := range chain.GetFilters() {
				manager := new(hcm.HttpConnectionManager)
				if !f.GetTypedConfig().MessageIs(manager) || f.GetTypedConfig().UnmarshalTo(manager) != nil {
					continue
				}
				seen = true
				tracing := manager.GetTracing()
				if !strings.Contains(text(m.t, tracing.GetProvider()), collector) {
					return fmt.Errorf("%s's traces go nowhere: %s", app, text(m.t, tracing))
				}
				if part := tracing.GetRandomSampling().GetValue(); part != 10 {
					return fmt.Errorf("%s samples %v of a hundred traces", app, part)
				}
			}
		}
		if !seen {
			return fmt.Errorf("%s takes no requests", app)
		}
		if !slices.ContainsFunc(m.server.Clusters(m.proxy(app)), func(c *cluster.Cluster) bool { return c.GetName() == collector }) {
			return fmt.Errorf("%s knows no %s", app, collector)
		}
	}
	return nil
}

// inventory returns an error unless the proxy of the inventory service has exactly these
// rules.
func inventory(m *mesh) error {
	account := "cluster.local/ns/ecommerce/sa/"
	want := map[string][]string{
		"inventory-access]-rule[0]":       {account + "order-service", "GET", "POST", "/graphql"},
		"inventory-access]-rule[1]":       {account + "api-gateway", "GET", "POST", "/graphql"},
		"inventory-stock-access]-rule[0]": {account + "product-service", "POST", "/graphql"},
	}
	seen := false
	for _, chain := range m.inbound("inventory-service") {
		for _, f := range chain.GetFilters() {
			manager := new(hcm.HttpConnectionManager)
			if !f.GetTypedConfig().MessageIs(manager) || f.GetTypedConfig().UnmarshalTo(manager) != nil {
				continue
			}
			for _, h := range manager.GetHttpFilters() {
				rules := new(rbachttp.RBAC)
				if !h.GetTypedConfig().MessageIs(rules) || h.GetTypedConfig().UnmarshalTo(rules) != nil {
					continue
				}
				seen = true
				policies := rules.GetRules().GetPolicies()
				for name, policy := range policies {
					id := strings.TrimPrefix(name, "ns[ecommerce]-policy[")
					if strings.HasPrefix(id, "deny-by-default") {
						continue // it has no rules
					}
					got := exact(text(m.t, policy))
					slices.Sort(got)
					expected := slices.Sorted(slices.Values(want[id]))
					if !slices.Equal(got, expected) {
						return fmt.Errorf("rule %s lets %q in; want %q", name, got, expected)
					}
				}
				for id := range want {
					if _, ok := policies["ns[ecommerce]-policy["+id]; !ok {
						return fmt.Errorf("there is no rule %s in %d rules", id, len(policies))
					}
				}
			}
		}
	}
	if !seen {
		return errors.New("the inventory service's proxy has no rules")
	}
	return nil
}

// exact returns the values of a policy's exact matchers.
func exact(policy string) []string {
	var values []string
	for part := range strings.SplitSeq(strings.ReplaceAll(policy, `": "`, `":"`), `"exact":"`) {
		value, _, _ := strings.Cut(part, `"`)
		value = strings.TrimPrefix(value, "spiffe://")
		if value != "{" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// storeApps are the pods that accept requests.
var storeApps = []string{
	"api-gateway", "user-service", "product-service", "inventory-service", "order-service", "notification-service", "payment-provider", "redis",
	"user-postgres", "product-postgres", "inventory-postgres", "order-postgres", "notification-postgres", "payment-postgres",
}

func strict(m *mesh) error {
	for _, app := range storeApps {
		chains := m.inbound(app)
		if len(chains) == 0 {
			return fmt.Errorf("%s has no inbound filter chain", app)
		}
		for _, chain := range chains {
			if !strings.Contains(text(m.t, chain.GetTransportSocket()), `"requireClientCertificate":true`) {
				return fmt.Errorf("%s asks for no certificate on %s", app, chain.GetName())
			}
		}
	}
	return nil
}

// denied returns an error unless each inbound filter chain of the store, including those
// without rules, has a filter that allows only what a rule allows.
func denied(m *mesh) error {
	for _, app := range append(storeApps, "load-test") {
		for _, chain := range m.inbound(app) {
			guarded := slices.ContainsFunc(filters(m.t, chain), func(f filter) bool {
				return strings.HasSuffix(f.name, ".rbac") && strings.Contains(f.text, `"rules":{`) && !strings.Contains(f.text, `"action":"DENY"`)
			})
			if !guarded {
				return fmt.Errorf("%s lets everybody in on %s", app, chain.GetName())
			}
		}
	}
	return nil
}

// gatewayFilters returns the HTTP filters of each listener of the gateway.
func gatewayFilters(m *mesh, check func([]filter) error) error {
	listeners := m.server.Listeners(m.proxy(gatewayApp))
	if len(listeners) == 0 {
		return errors.New("the gateway listens nowhere")
	}
	for _, l := range listeners {
		if l.GetName() == "connect_originate" { // the way to ztunnel and the waypoint, behind the others
			continue
		}
		for _, chain := range l.GetFilterChains() {
			if err := check(filters(m.t, chain)); err != nil {
				return fmt.Errorf("%s: %w", l.GetName(), err)
			}
		}
	}
	return nil
}

// tokens returns an error unless the proxy itself fetches the keys from the user service,
// with the mesh's certificate.
func tokens(m *mesh) error {
	return gatewayFilters(m, func(all []filter) error {
		for _, f := range all {
			if f.name != "envoy.filters.http.jwt_authn" {
				continue
			}
			for _, want := range []string{`"issuer":"souk"`, `"audiences":["souk"]`, `"cluster":"outbound|8080||user-service.ecommerce.svc.cluster.local"`} {
				if !strings.Contains(f.text, want) {
					return fmt.Errorf("tokens are not checked by %s: %s", want, f.text)
				}
			}
			return nil
		}
		return errors.New("tokens are not checked")
	})
}

func rate(m *mesh) error {
	return gatewayFilters(m, func(all []filter) error {
		limit := slices.IndexFunc(all, func(f filter) bool { return f.name == "envoy.filters.http.local_ratelimit" })
		end := slices.IndexFunc(all, func(f filter) bool { return f.name == "envoy.filters.http.router" })
		if limit < 0 || end < limit {
			return errors.New("the rate is not limited before requests are routed")
		}
		if !strings.Contains(all[limit].text, `"tokensPerFill":2000`) || !strings.Contains(all[limit].text, `"maxTokens":4000`) {
			return fmt.Errorf("the limit is %s", all[limit].text)
		}
		return nil
	})
}

// Without PILOT_JWT_ENABLE_REMOTE_JWKS, istiod would fetch the keys, which it cannot do in
// a mesh that requires a certificate.
func TestRemoteJWKSModeIsNeeded(t *testing.T) {
	if features.JwksFetchMode != jwt.Istiod {
		t.Fatalf("Istio's default is now %v; docs/operations.md and this test assume that it must be changed", features.JwksFetchMode)
	}
	if err := tokens(newMesh(t, read(t))); err == nil {
		t.Error("the gateway's proxy fetches the keys by default, so docs/operations.md need not set it")
	}
}
