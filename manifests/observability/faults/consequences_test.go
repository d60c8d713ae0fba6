package faults

import (
	"slices"
	"testing"
)

// Errors of a gateway that has no router are no news, nor are events that wait for a consumer
// that stands still, nor is each pod of a gateway or istiod of which none responds, nor that what
// mostly fails fails altogether. Those of other
// consumers are, and those of a gateway in front of a router of which one pod is down.
func TestConsequencesOfRouterAndConsumerAreMuted(t *testing.T) {
	for name, fired := range map[string]struct {
		causes, consequences, page, ticket []string
	}{
		"all pods of the router": {
			causes: []string{"page TargetDown app=api-gateway"}, consequences: []string{"page GatewayErrors", "page NobodyServed"},
			page: []string{"SupergraphRefused", "TargetDown api-gateway"},
		},
		"one pod of the router": {
			causes: []string{"page TargetDown app=api-gateway pod=one-of-two"}, consequences: []string{"page GatewayErrors"},
			page: []string{"GatewayErrors", "SupergraphRefused", "TargetDown api-gateway"},
		},
		"all pods of the gateway": {
			causes: []string{"page GatewayAway"}, consequences: []string{"page NobodyServed", "page TrafficStops", "page TargetDown app=istio-ingressgateway pod=a", "page TargetDown app=souk-gateway pod=b", "page TargetDown app=user-service pod=c"},
			page: []string{"GatewayAway", "SupergraphRefused", "TargetDown user-service"},
		},
		"all pods of istiod": {
			causes: []string{"page IstiodAway"}, consequences: []string{"page TargetDown app=istiod pod=a", "page TargetDown app=souk-gateway pod=b"},
			page: []string{"IstiodAway", "SupergraphRefused", "TargetDown souk-gateway"},
		},
		"a gateway that fails": {
			causes: []string{"page GatewayErrors"}, consequences: []string{"page NobodyServed"},
			page: []string{"GatewayErrors", "SupergraphRefused"},
		},
		"a gateway that refuses everybody": {
			causes: []string{"page NobodyServed"}, consequences: []string{"ticket GatewayRefuses", "ticket OnlyRefusals", "ticket RefusalsRise", "ticket AllOperationsFail", "ticket EntityCacheCold"},
			page: []string{"NobodyServed", "SupergraphRefused"}, ticket: []string{"EntityCacheCold"},
		},
		"a gateway that refuses most": {
			causes: []string{"ticket GatewayRefuses"}, consequences: []string{"ticket OnlyRefusals", "ticket RefusalsRise", "page TrafficStops"},
			page: []string{"SupergraphRefused", "TrafficStops"}, ticket: []string{"GatewayRefuses"},
		},
		"orders": {
			causes: []string{"page OrdersFail"}, consequences: []string{"page AllOrdersFail"},
			page: []string{"OrdersFail", "SupergraphRefused"},
		},
		"a volume": {
			causes:       []string{"page VolumeFull namespace=ecommerce persistentvolumeclaim=backup", "page DatabaseDiskFull app=order-database"},
			consequences: []string{"ticket VolumeFills namespace=ecommerce persistentvolumeclaim=backup", "page VolumeFull app=order-database namespace=ecommerce persistentvolumeclaim=order-postgres-1", "ticket VolumeFills app=redis namespace=ecommerce persistentvolumeclaim=data-redis-0"},
			page:         []string{"DatabaseDiskFull order-database", "SupergraphRefused", "VolumeFull"}, ticket: []string{"VolumeFills redis"},
		},
		"a consumer": {
			causes:       []string{"page ConsumerStuck group=order", "page UnansweredFastBurn"},
			consequences: []string{"ticket EventsWait group=order", "ticket StreamLag group=order", "ticket EventsWait group=notification", "ticket AllOperationsFail"},
			page:         []string{"ConsumerStuck", "SupergraphRefused", "UnansweredFastBurn"},
			ticket:       []string{"EventsWait"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := startAlertmanager(t)
			m.fire(fired.causes...)
			m.fire(fired.consequences...)
			for receiver, want := range map[string][]string{"page": fired.page, "ticket": fired.ticket} {
				want = slices.DeleteFunc(slices.Clone(want), func(alert string) bool { return alert == "SupergraphRefused" })
				eventually(t, receiver+" receives the alerts", func() bool { return len(m.got(receiver)) >= len(want) })
			}
			// A last alert shows that the dispatcher has passed what is muted.
			m.fire("page SupergraphRefused")
			eventually(t, "the last alert arrives", func() bool { return slices.Contains(m.got("page"), "SupergraphRefused") })
			for receiver, want := range map[string][]string{"page": fired.page, "ticket": fired.ticket} {
				if got := m.got(receiver); !slices.Equal(got, want) {
					t.Errorf("%s received %q, want %q", receiver, got, want)
				}
			}
		})
	}
}
