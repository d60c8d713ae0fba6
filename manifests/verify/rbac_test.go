package verify

import (
	"fmt"
	"slices"
	"strings"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbac "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	rbactcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// A request is what Envoy's rules match. A connection that is not HTTP has no method or
// path.
type request struct {
	account      string // such as "ecommerce/order-service"
	port         uint32
	method, path string
}

// allows reports whether each RBAC filter of an inbound filter chain allows the request. A
// chain without filters allows everything.
func allows(chain *listener.FilterChain, r request) (bool, error) {
	rules, err := chainRules(chain)
	if err != nil {
		return false, err
	}
	for _, rule := range rules {
		matched := false
		for name, policy := range rule.GetPolicies() {
			ok, err := policyMatches(policy, r)
			if err != nil {
				return false, fmt.Errorf("%s: %w", name, err)
			}
			matched = matched || ok
		}
		if matched != (rule.GetAction() == rbac.RBAC_ALLOW) {
			return false, nil
		}
	}
	return true, nil
}

// chainRules returns the rules of all filters of a chain.
func chainRules(chain *listener.FilterChain) ([]*rbac.RBAC, error) {
	var all []*rbac.RBAC
	add := func(config *anypb.Any) error {
		message, err := config.UnmarshalNew()
		if err != nil {
			return err
		}
		var rules *rbac.RBAC
		switch m := message.(type) {
		case *rbachttp.RBAC:
			rules = m.GetRules()
		case *rbactcp.RBAC:
			rules = m.GetRules()
		}
		if rules != nil {
			all = append(all, rules)
		}
		return nil
	}
	for _, f := range chain.GetFilters() {
		if f.GetTypedConfig().MessageIs((*rbactcp.RBAC)(nil)) {
			if err := add(f.GetTypedConfig()); err != nil {
				return nil, err
			}
		}
		manager := new(hcm.HttpConnectionManager)
		if !f.GetTypedConfig().MessageIs(manager) {
			continue
		}
		if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
			return nil, err
		}
		for _, h := range manager.GetHttpFilters() {
			if h.GetTypedConfig().MessageIs((*rbachttp.RBAC)(nil)) {
				if err := add(h.GetTypedConfig()); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// policyMatches reports whether a permission and a principal of the policy match.
func policyMatches(policy *rbac.Policy, r request) (bool, error) {
	permitted, err := anyOf(policy.GetPermissions(), r, permissionMatches)
	if err != nil || !permitted {
		return false, err
	}
	return anyOf(policy.GetPrincipals(), r, principalMatches)
}

func anyOf[T any](list []T, r request, matches func(T, request) (bool, error)) (bool, error) {
	for _, one := range list {
		if ok, err := matches(one, r); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func allOf[T any](list []T, r request, matches func(T, request) (bool, error)) (bool, error) {
	for _, one := range list {
		if ok, err := matches(one, r); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func permissionMatches(p *rbac.Permission, r request) (bool, error) {
	switch rule := p.GetRule().(type) {
	case *rbac.Permission_Any:
		return rule.Any, nil
	case *rbac.Permission_AndRules:
		return allOf(rule.AndRules.GetRules(), r, permissionMatches)
	case *rbac.Permission_OrRules:
		return anyOf(rule.OrRules.GetRules(), r, permissionMatches)
	case *rbac.Permission_NotRule:
		ok, err := permissionMatches(rule.NotRule, r)
		return !ok, err
	case *rbac.Permission_DestinationPort:
		return rule.DestinationPort == r.port, nil
	case *rbac.Permission_UrlPath:
		return stringMatches(rule.UrlPath.GetPath(), r.path)
	case *rbac.Permission_Header:
		if rule.Header.GetName() == ":method" {
			return stringMatches(rule.Header.GetStringMatch(), r.method)
		}
	}
	return false, fmt.Errorf("this test does not understand the permission %v", p)
}

func principalMatches(p *rbac.Principal, r request) (bool, error) {
	switch id := p.GetIdentifier().(type) {
	case *rbac.Principal_Any:
		return id.Any, nil
	case *rbac.Principal_AndIds:
		return allOf(id.AndIds.GetIds(), r, principalMatches)
	case *rbac.Principal_OrIds:
		return anyOf(id.OrIds.GetIds(), r, principalMatches)
	case *rbac.Principal_NotId:
		ok, err := principalMatches(id.NotId, r)
		return !ok, err
	case *rbac.Principal_FilterState: // how a waypoint knows the caller
		if id.FilterState.GetKey() == "io.istio.peer_principal" {
			return stringMatches(id.FilterState.GetStringMatch(), spiffe(r.account))
		}
	case *rbac.Principal_Authenticated_:
		return stringMatches(id.Authenticated.GetPrincipalName(), spiffe(r.account))
	}
	return false, fmt.Errorf("this test does not understand the principal %v", p)
}

// spiffe returns the name in the certificate of an account.
func spiffe(account string) string {
	namespace, name, _ := strings.Cut(account, "/")
	return "spiffe://cluster.local/ns/" + namespace + "/sa/" + name
}

func stringMatches(m *matcher.StringMatcher, s string) (bool, error) {
	switch pattern := m.GetMatchPattern().(type) {
	case *matcher.StringMatcher_Exact:
		return s == pattern.Exact, nil
	case *matcher.StringMatcher_Prefix:
		return strings.HasPrefix(s, pattern.Prefix), nil
	}
	return false, fmt.Errorf("this test does not understand the matcher %v", m)
}

// inboundTLS returns the filter chain for connections from the mesh to a port of a pod.
func (m *mesh) inboundTLS(app string, port uint32) (*listener.FilterChain, error) {
	chains := m.inbound(app)
	i := slices.IndexFunc(chains, func(c *listener.FilterChain) bool {
		match := c.GetFilterChainMatch()
		return match.GetDestinationPort().GetValue() == port && match.GetTransportProtocol() == "tls"
	})
	if i < 0 {
		return nil, fmt.Errorf("%s has no filter chain for port %d", app, port)
	}
	return chains[i], nil
}
