package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// In ambient mode, the waypoint splits the requests for the product service, and the gateway
// those for the router, by the weights of the guide. Each proxy has the clusters that its
// routes name.
func TestAmbientCanariesSplitRequests(t *testing.T) {
	store := composed(t, []string{"ambient"})
	for name, canary := range map[string]struct {
		proxy  string
		routes func(*mesh) []*route.Route
		want   string
	}{
		"canary-ambient":            {proxy: waypointApp, routes: (*mesh).waypointRoutes, want: "product-service-v1 90, product-service-v2 10"},
		"supergraph-canary-ambient": {proxy: gatewayApp, routes: (*mesh).gatewayRoutes, want: "api-gateway-v1 90, api-gateway-canary 10"},
	} {
		file := filepath.Join(guide, "experiments", name, "routes.yaml")
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed, err := decode(file, written)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(splits(newMesh(t, store), canary.routes, nil), canary.want) {
			t.Errorf("%s: requests are split without it", name)
		}
		m := newMesh(t, store.with(changed))
		known := map[string]bool{}
		for _, c := range m.server.Clusters(m.proxy(canary.proxy)) {
			known[c.GetName()] = true
		}
		got := splits(m, canary.routes, func(cluster string) {
			if !known[cluster] {
				t.Errorf("%s: the proxy %s has no cluster %s", name, canary.proxy, cluster)
			}
		})
		if !slices.Contains(got, canary.want) {
			t.Errorf("%s: requests are split as %q, want %q", name, got, canary.want)
		}
	}
}

// waypointRoutes returns the routes of the waypoint for the product service.
func (m *mesh) waypointRoutes() []*route.Route {
	chain := m.waypointChain("product-service", 8080)
	if chain == nil {
		m.t.Fatal("the waypoint does not know the product service")
	}
	var routes []*route.Route
	for _, host := range managerOf(m.t, chain).GetRouteConfig().GetVirtualHosts() {
		routes = append(routes, host.GetRoutes()...)
	}
	return routes
}

// splits returns the services and weights of each route that has several, and passes the names
// of their clusters to each.
func splits(m *mesh, routes func(*mesh) []*route.Route, each func(cluster string)) []string {
	var all []string
	for _, r := range routes(m) {
		var services []string
		for _, c := range r.GetRoute().GetWeightedClusters().GetClusters() {
			if each != nil {
				each(c.GetName())
			}
			_, host, _ := strings.Cut(c.GetName(), "|8080|")
			host = host[strings.LastIndex(host, "|")+1:]
			service, _, _ := strings.Cut(host, ".")
			services = append(services, fmt.Sprintf("%s %d", service, c.GetWeight().GetValue()))
		}
		if len(services) > 0 {
			all = append(all, strings.Join(services, ", "))
		}
	}
	return all
}
