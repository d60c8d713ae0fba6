package verify

import (
	"slices"
	"testing"

	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/workloadapi/security"
)

// A ztunnel is what Istio tells the ztunnels: policies, and those of each pod by name.
type ztunnel struct {
	t        testing.TB
	policies map[string]*security.Authorization
	of       map[string][]string
}

func (m *mesh) ztunnel() ztunnel {
	z := ztunnel{t: m.t, policies: map[string]*security.Authorization{}, of: map[string][]string{}}
	for _, p := range m.server.AmbientIndex.Policies(nil) {
		z.policies[p.Authorization.GetNamespace()+"/"+p.Authorization.GetName()] = p.Authorization
	}
	addresses, _ := m.server.AmbientIndex.AddressInformation(sets.New[string]())
	for _, a := range addresses {
		if w := a.GetWorkload(); w != nil {
			z.of[w.GetName()] = w.GetAuthorizationPolicies()
		}
	}
	return z
}

// allows reports whether the ztunnel of a pod of the store allows a connection: no policy
// denies it, and one allows it if there are any.
func (z ztunnel) allows(pod string, r request) bool {
	names, ok := z.of[pod]
	if !ok {
		z.t.Fatalf("Istio does not tell ztunnel of the pod %s", pod)
	}
	for name, policy := range z.policies {
		if policy.GetScope() == security.Scope_NAMESPACE && policy.GetNamespace() == "ecommerce" || policy.GetScope() == security.Scope_GLOBAL {
			names = append(slices.Clone(names), name)
		}
	}
	guarded, allowed := false, false
	for _, name := range names {
		policy := z.policies[name]
		matched := slices.ContainsFunc(policy.GetGroups(), func(g *security.Group) bool {
			return !slices.ContainsFunc(g.GetRules(), func(rules *security.Rules) bool {
				return !slices.ContainsFunc(rules.GetMatches(), func(match *security.Match) bool { return z.matches(match, r) })
			})
		})
		if policy.GetAction() == security.Action_DENY {
			if matched {
				return false
			}
			continue
		}
		guarded, allowed = true, allowed || matched
	}
	return allowed || !guarded
}

func (z ztunnel) matches(m *security.Match, r request) bool {
	if len(m.GetNamespaces())+len(m.GetNotNamespaces())+len(m.GetSourceIps())+len(m.GetNotSourceIps())+len(m.GetDestinationIps())+len(m.GetNotDestinationIps())+len(m.GetNotDestinationPorts())+len(m.GetServiceAccounts())+len(m.GetNotServiceAccounts()) > 0 {
		z.t.Fatalf("this test does not understand the match %v", m)
	}
	is := func(s *security.StringMatch) bool {
		switch kind := s.GetMatchType().(type) {
		case *security.StringMatch_Exact:
			return "spiffe://"+kind.Exact == spiffe(r.account)
		case *security.StringMatch_Presence:
			return r.account != ""
		}
		z.t.Fatalf("this test does not understand the match %v", s)
		return false
	}
	return (len(m.GetPrincipals()) == 0 || slices.ContainsFunc(m.GetPrincipals(), is)) &&
		!slices.ContainsFunc(m.GetNotPrincipals(), is) &&
		(len(m.GetDestinationPorts()) == 0 || slices.Contains(m.GetDestinationPorts(), r.port))
}
