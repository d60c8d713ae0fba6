package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rbachttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/jwt"
	"sigs.k8s.io/yaml"
)

// Istio's analyzers, those of `istioctl analyze`, have nothing to say.
func TestAnalyzersFindNothing(t *testing.T) {
	if messages := analyze(t, read(t)); len(messages) > 0 {
		t.Fatal(strings.Join(messages, "\n"))
	}
	for name, change := range map[string]Change{
		"host":    {"10", "destination: {host: order-service,", "destination: {host: orders-service,"},
		"gateway": {"10", "gateways: [souk-gateway]", "gateways: [gateway]"},
		"subset":  {"10", "subset: v2", "subset: v3"},
	} {
		if len(analyze(t, read(t, change))) == 0 {
			t.Errorf("a wrong %s is not noticed", name)
		}
	}
}

func analyze(t *testing.T, documents Documents) []string {
	t.Helper()
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "ecommerce", resource.Namespace("istio-system"), nil)
	var sources []local.ReaderSource
	for i, document := range documents {
		text, err := yaml.Marshal(document.Object)
		if err != nil {
			t.Fatal(err)
		}
		// A source replaces an earlier one of the same name.
		sources = append(sources, local.ReaderSource{Name: fmt.Sprint(document.File, "#", i), Reader: strings.NewReader(string(text))})
	}
	if err := analyzer.AddReaderKubeSource(sources); err != nil {
		return []string{err.Error()}
	}
	if err := analyzer.AddDefaultResources(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		return []string{err.Error()}
	}
	var messages []string
	for _, m := range result.Messages {
		messages = append(messages, m.String())
	}
	return messages
}

// What Istio makes of the files for Envoy is what they promise; and it is not
// once the file is changed.
func TestEnvoyConfiguration(t *testing.T) {
	previous := features.JwksFetchMode
	features.JwksFetchMode = jwt.Envoy // docs/operations.md installs Istio so
	t.Cleanup(func() { features.JwksFetchMode = previous })

	whole := newMesh(t, read(t))
	for name, claim := range map[string]struct {
		holds   func(*mesh) error
		changes []Change
	}{
		"products have their time and tries": {products, []Change{
			{"10", "timeout: 30s\n      retries: {attempts: 3,", "timeout: 20s\n      retries: {attempts: 3,"},
			{"10", "retries: {attempts: 3,", "retries: {attempts: 2,"},
			{"10", "perTryTimeout: 10s", "perTryTimeout: 5s"},
			{"10", "delegate: {name: product-service,", "delegate: {name: products,"},
		}},
		"pictures come from the product service":            {pictures, []Change{{"10", "prefix: /images/", "prefix: /pictures/"}}},
		"streams are not cut":                               {streams, []Change{{"10", "- name: graphql\n", "- name: graphql\n      timeout: 15s\n"}}},
		"failing inventory pods are left alone":             {ejection, []Change{{"10", "consecutive5xxErrors: 3\n", "consecutive5xxErrors: 4\n"}, {"10", "interval: 30s\n", "interval: 10s\n"}, {"10", "baseEjectionTime: 30s\n", "baseEjectionTime: 20s\n"}}},
		"connections to the router are bounded":             {pool, []Change{{"10", "maxConnections: 100", "maxConnections: 200"}, {"10", "http1MaxPendingRequests: 50", "http1MaxPendingRequests: 60"}, {"10", "maxRequestsPerConnection: 10", "maxRequestsPerConnection: 20"}}},
		"order and the router reach inventory, no one else": {inventory, []Change{{"10", "sa/order-service\n      to:\n        - operation: {methods: [GET, POST]", "sa/user-service\n      to:\n        - operation: {methods: [GET, POST]"}, {"10", "  name: inventory-access\n  namespace: ecommerce", "  name: inventory-access\n  namespace: default"}, {"10", "methods: [GET, POST], paths", "methods: [GET, POST, DELETE], paths"}}},
		"nothing comes in without a certificate":            {strict, []Change{{"09", "mode: STRICT", "mode: PERMISSIVE"}}},
		"everything is refused by default":                  {denied, []Change{{"10", "name: deny-by-default\n  namespace: ecommerce", "name: deny-by-default\n  namespace: default"}}},
		"tokens are checked by the gateway itself":          {tokens, []Change{{"09", "issuer: souk", "issuer: other"}, {"09", "user-service.ecommerce", "order-service.ecommerce"}, {"09", "istio: ingressgateway}\n  jwtRules", "istio: egressgateway}\n  jwtRules"}}},
		"the gateway bounds the rate":                       {rate, []Change{{"09", "tokens_per_fill: 200", "tokens_per_fill: 300"}, {"09", "context: GATEWAY", "context: SIDECAR_INBOUND"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := claim.holds(whole); err != nil {
				t.Fatal(err)
			}
			for _, change := range claim.changes {
				if claim.holds(newMesh(t, read(t, change))) == nil {
					t.Errorf("it still holds with %q in place of %q", change.New, change.Old)
				}
			}
		})
	}
}

const router = "outbound|8080||api-gateway.ecommerce.svc.cluster.local"

func products(m *mesh) error {
	for _, r := range m.gatewayRoutes() {
		prefix := r.GetMatch().GetPrefix()
		if prefix == "" {
			prefix = r.GetMatch().GetPathSeparatedPrefix()
		}
		if prefix == "" || !strings.HasPrefix("/api/products", prefix) {
			continue
		}
		a, retry := r.GetRoute(), r.GetRoute().GetRetryPolicy()
		got := fmt.Sprint(prefix, " ", a.GetCluster(), " ", a.GetTimeout().AsDuration(), " ", retry.GetNumRetries().GetValue(), " ", retry.GetPerTryTimeout().AsDuration())
		if want := "/api/products " + router + " 30s 3 10s"; got != want {
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

// streams wants the route for /graphql to have no time limit, and the
// connection manager to upgrade connections to WebSocket.
func streams(m *mesh) error {
	found := false
	for _, r := range m.gatewayRoutes() {
		if r.GetMatch().GetPath() == "/graphql" {
			found = true
			if limit := r.GetRoute().GetTimeout(); limit == nil || limit.AsDuration() != 0 {
				return fmt.Errorf("/graphql ends after %v", limit)
			}
		}
	}
	if !found {
		return errors.New("no route is for /graphql")
	}
	for _, l := range m.server.Listeners(m.proxy(gatewayApp)) {
		for _, chain := range l.GetFilterChains() {
			for _, f := range chain.GetFilters() {
				manager := new(hcm.HttpConnectionManager)
				if !f.GetTypedConfig().MessageIs(manager) {
					continue
				}
				if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
					return err
				}
				if !slices.ContainsFunc(manager.GetUpgradeConfigs(), func(u *hcm.HttpConnectionManager_UpgradeConfig) bool { return u.GetUpgradeType() == "websocket" }) {
					return fmt.Errorf("%s upgrades no connection to WebSocket", l.GetName())
				}
			}
		}
	}
	return nil
}

func ejection(m *mesh) error {
	o := m.cluster("order-service", "inventory-service").GetOutlierDetection()
	if o.GetConsecutive_5Xx().GetValue() != 3 || o.GetInterval().AsDuration() != 30*time.Second || o.GetBaseEjectionTime().AsDuration() != 30*time.Second {
		return fmt.Errorf("outlier detection is %v", o)
	}
	return nil
}

func pool(m *mesh) error {
	c := m.cluster(gatewayApp, "api-gateway")
	thresholds := c.GetCircuitBreakers().GetThresholds()
	if len(thresholds) != 1 || thresholds[0].GetMaxConnections().GetValue() != 100 || thresholds[0].GetMaxPendingRequests().GetValue() != 50 {
		return fmt.Errorf("circuit breakers are %v", thresholds)
	}
	if options := text(m.t, c); !strings.Contains(options, `"maxRequestsPerConnection":10`) {
		return fmt.Errorf("requests for a connection are not bounded by 10: %s", options)
	}
	return nil
}

// inventory wants the rules of the inventory service's proxy to be these and
// no others.
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
						continue // it has no rule that could match
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

// exact are the values of a policy's exact matchers.
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

// storeApps are the pods that take requests.
var storeApps = []string{
	"api-gateway", "user-service", "product-service", "inventory-service", "order-service", "notification-service", "redis",
	"user-postgres", "product-postgres", "inventory-postgres", "order-postgres", "notification-postgres",
}

func strict(m *mesh) error {
	for _, app := range storeApps {
		chains := m.inbound(app)
		if len(chains) == 0 {
			return fmt.Errorf("%s has no way in", app)
		}
		for _, chain := range chains {
			if !strings.Contains(text(m.t, chain.GetTransportSocket()), `"requireClientCertificate":true`) {
				return fmt.Errorf("%s asks for no certificate on %s", app, chain.GetName())
			}
		}
	}
	return nil
}

// denied wants each way into the store, also those no rule speaks of, to be
// guarded by a filter that lets in only what a rule allows.
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

// gatewayFilters are the HTTP filters of each of the gateway's listeners.
func gatewayFilters(m *mesh, check func([]filter) error) error {
	listeners := m.server.Listeners(m.proxy(gatewayApp))
	if len(listeners) == 0 {
		return errors.New("the gateway listens nowhere")
	}
	for _, l := range listeners {
		for _, chain := range l.GetFilterChains() {
			if err := check(filters(m.t, chain)); err != nil {
				return fmt.Errorf("%s: %w", l.GetName(), err)
			}
		}
	}
	return nil
}

// tokens wants the proxy to fetch the keys itself: from the user service, with
// the mesh's certificate.
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
		if !strings.Contains(all[limit].text, `"tokensPerFill":200`) || !strings.Contains(all[limit].text, `"maxTokens":400`) {
			return fmt.Errorf("the limit is %s", all[limit].text)
		}
		return nil
	})
}

// Without PILOT_JWT_ENABLE_REMOTE_JWKS istiod itself would fetch the keys,
// which it cannot in a mesh that asks it for a certificate.
func TestRemoteKeysAreNeeded(t *testing.T) {
	if features.JwksFetchMode != jwt.Istiod {
		t.Fatalf("Istio's default has become %v; docs/operations.md and this test say that it must be changed", features.JwksFetchMode)
	}
	if err := tokens(newMesh(t, read(t))); err == nil {
		t.Error("the gateway's proxy fetches the keys by default; docs/operations.md need not set it")
	}
}
