package verify

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkStreamPool wants the routes of streams to have a pool of connections of their own that
// takes as many as one router admits, and as many more that wait: after a rolling update all
// clients come back at once. Without it, the pool of requests bounds them.
func (c routerConfig) checkStreamPool(d Documents) error {
	most := c.Subscriptions.MaxConnections
	routes, err := d.timedRoutes()
	found := false
	for _, r := range routes {
		if !r.streams {
			continue
		}
		found = true
		connections, waiting := d.streamPool(r.host)
		if connections < most || waiting < most {
			err = errors.Join(err, fmt.Errorf("%s has a pool of %d connections and %d waiting ones, and a router admits %d streams", r.name, connections, waiting, most))
		}
	}
	if !found {
		err = errors.Join(err, errors.New("no route has streams"))
	}
	return err
}

// streamPool returns how many connections the rule for a host allows to its subset of streams, or
// to the host itself if it has no other traffic, and how many may wait for one.
func (d Documents) streamPool(host string) (connections, waiting int64) {
	for _, rule := range d.OfKind("DestinationRule") {
		if to, _, _ := unstructured.NestedString(rule.Object, "spec", "host"); strings.Split(to, ".")[0] != host {
			continue
		}
		policy, _, _ := unstructured.NestedMap(rule.Object, "spec", "trafficPolicy")
		if !strings.HasSuffix(host, "-streams") {
			policy = nil
			subsets, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
			for _, entry := range subsets {
				if subset, _ := entry.(map[string]any); subset["name"] == "streams" {
					policy, _, _ = unstructured.NestedMap(subset, "trafficPolicy")
				}
			}
		}
		return integer(policy, "connectionPool", "tcp", "maxConnections"), integer(policy, "connectionPool", "http", "http1MaxPendingRequests")
	}
	return 0, 0
}
