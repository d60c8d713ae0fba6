package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkTraffic wants the rules of the mesh to protect callers and called: encrypted entries,
// retries only of what has not run, pods that fail to be left alone for a short time, and
// canaries that get what is left.
func (d Documents) checkTraffic() (err error) {
	for _, document := range d.OfKind("Gateway") {
		err = errors.Join(err, inContext("Gateway "+document.GetName(), checkEntry(document)))
	}
	for _, document := range d.OfKind("PeerAuthentication") {
		if mode, _, _ := unstructured.NestedString(document.Object, "spec", "mtls", "mode"); mode != "STRICT" {
			err = errors.Join(err, fmt.Errorf("PeerAuthentication %s has the mode %q", document.GetName(), mode))
		}
		if ports, _, _ := unstructured.NestedMap(document.Object, "spec", "portLevelMtls"); len(ports) > 0 {
			err = errors.Join(err, fmt.Errorf("PeerAuthentication %s excepts ports", document.GetName()))
		}
	}
	for _, document := range d.OfKind("VirtualService") {
		routes, _, _ := unstructured.NestedSlice(document.Object, "spec", "http")
		for _, entry := range routes {
			route, _ := entry.(map[string]any)
			err = errors.Join(err, inContext(fmt.Sprintf("VirtualService %s, route %v", document.GetName(), route["name"]), checkRetries(route), checkTargets(route), checkCORS(route)))
		}
	}
	for _, document := range d.OfKind("DestinationRule") {
		err = errors.Join(err, inContext("DestinationRule "+document.GetName(), checkPool(document), checkEjection(document)))
	}
	return errors.Join(err, d.checkEntryRate())
}

// checkEntry wants a gateway of Istio to redirect plain HTTP, and to end TLS of at least 1.2.
func checkEntry(gateway Document) error {
	servers, istio, _ := unstructured.NestedSlice(gateway.Object, "spec", "servers")
	for _, entry := range servers {
		server, _ := entry.(map[string]any)
		protocol, _, _ := unstructured.NestedString(server, "port", "protocol")
		redirect, _, _ := unstructured.NestedBool(server, "tls", "httpsRedirect")
		mode, _, _ := unstructured.NestedString(server, "tls", "mode")
		version, _, _ := unstructured.NestedString(server, "tls", "minProtocolVersion")
		switch {
		case protocol == "HTTP" && !redirect:
			return errors.New("it serves plain HTTP")
		case protocol == "HTTPS" && (mode != "SIMPLE" || version != "TLSV1_2" && version != "TLSV1_3"):
			return fmt.Errorf("its TLS has the mode %q and the lowest version %q", mode, version)
		case protocol != "HTTP" && protocol != "HTTPS":
			return fmt.Errorf("it serves %q", protocol)
		}
	}
	if istio && len(servers) != 2 {
		return fmt.Errorf("it has %d servers, and not one for HTTP and one for HTTPS", len(servers))
	}
	return nil
}

// unsent are the conditions of a retry that a request has not reached a program in.
var unsent = []string{"connect-failure", "refused-stream", "unavailable"}

// checkRetries wants up to three more attempts for what no program has read. Pictures are only
// read.
func checkRetries(route map[string]any) error {
	retries, found, _ := unstructured.NestedMap(route, "retries")
	if !found {
		return nil
	}
	attempts := integer(retries, "attempts")
	if attempts < 1 || attempts > 3 {
		return fmt.Errorf("%d more attempts", attempts)
	}
	for _, condition := range strings.Split(fmt.Sprint(retries["retryOn"]), ",") {
		if !slices.Contains(unsent, condition) && (condition != "5xx" || route["name"] != "images") {
			return fmt.Errorf("a request that may have run is sent again (%s)", condition)
		}
	}
	return nil
}

// checkTargets wants all requests of a route to go somewhere, and no faults or copies of them.
func checkTargets(route map[string]any) error {
	for _, field := range []string{"fault", "mirror", "mirrors", "directResponse"} {
		if _, found := route[field]; found {
			return fmt.Errorf("it has %s", field)
		}
	}
	targets, _, _ := unstructured.NestedSlice(route, "route")
	if _, delegates := route["delegate"]; len(targets) == 0 && !delegates {
		return errors.New("its requests go nowhere")
	}
	sum := int64(0)
	for i, entry := range targets {
		target, _ := entry.(map[string]any)
		weight := integer(target, "weight")
		if sum += weight; i == 0 && len(targets) > 1 && weight != 100 {
			return fmt.Errorf("the version in use gets %d %% of the requests", weight)
		}
	}
	if len(targets) > 1 && sum != 100 {
		return fmt.Errorf("the weights of its targets are %d in all", sum)
	}
	return nil
}

// checkPool wants a rule to bound what one caller may open, and to give up a host that takes
// no connection.
func checkPool(rule Document) error {
	pool, found, _ := unstructured.NestedMap(rule.Object, "spec", "trafficPolicy", "connectionPool")
	if !found {
		return nil
	}
	connections, waiting := integer(pool, "tcp", "maxConnections"), integer(pool, "http", "http1MaxPendingRequests")
	text, _, _ := unstructured.NestedString(pool, "tcp", "connectTimeout")
	timeout, err := time.ParseDuration(text)
	if connections < 10 || connections > 10_000 || waiting < 10 || waiting > 10_000 || err != nil || timeout < time.Second || timeout > 5*time.Second {
		return fmt.Errorf("it allows %d connections and %d waiting requests, and waits %q for a connection", connections, waiting, text)
	}
	return nil
}

// checkEjection wants a pod that fails several times to get no requests for a while, and half of
// the pods to get them in any case.
func checkEjection(rule Document) error {
	detection, found, _ := unstructured.NestedMap(rule.Object, "spec", "trafficPolicy", "outlierDetection")
	if !found {
		return nil
	}
	errorsInRow, most := integer(detection, "consecutive5xxErrors"), integer(detection, "maxEjectionPercent")
	interval, intervalErr := time.ParseDuration(fmt.Sprint(detection["interval"]))
	base, baseErr := time.ParseDuration(fmt.Sprint(detection["baseEjectionTime"]))
	if errors.Join(intervalErr, baseErr) != nil || errorsInRow < 3 || errorsInRow > 10 || most < 10 || most > 50 ||
		interval < 5*time.Second || interval > time.Minute || base < 10*time.Second || base > time.Minute {
		return fmt.Errorf("its pods are left alone after %d errors in %s, %d %% of them, for %s", errorsInRow, interval, most, base)
	}
	return nil
}

// checkEntryRate wants the gateway to enforce its rate for all requests.
func (d Documents) checkEntryRate() error {
	for _, document := range d.OfKind("EnvoyFilter") {
		for _, limit := range rateLimits(document) {
			for _, field := range []string{"filter_enabled", "filter_enforced"} {
				share := integer(limit, field, "default_value", "numerator")
				unit, _, _ := unstructured.NestedString(limit, field, "default_value", "denominator")
				if share != 100 || unit != "HUNDRED" {
					return fmt.Errorf("EnvoyFilter %s: %s is %d of %s", document.GetName(), field, share, unit)
				}
			}
		}
	}
	return nil
}

// rateLimits returns the limits that a filter adds to Envoy.
func rateLimits(filter Document) (all []map[string]any) {
	patches, _, _ := unstructured.NestedSlice(filter.Object, "spec", "configPatches")
	for _, entry := range patches {
		patch, _ := entry.(map[string]any)
		limit, _, _ := unstructured.NestedMap(patch, "patch", "value", "typed_config")
		all = append(all, limit)
	}
	return all
}

// longestBurst is for how long the requests of the bucket may arrive at once.
const longestBurst = 10

// entryRate returns how many requests per second the gateway admits. It wants a burst of
// requests of a second at least: clients arrive in no order.
func (d Documents) entryRate() (rate float64, err error) {
	for _, filter := range d.OfKind("EnvoyFilter") {
		for _, limit := range rateLimits(filter) {
			text, _, _ := unstructured.NestedString(limit, "token_bucket", "fill_interval")
			interval, wrong := time.ParseDuration(text)
			if wrong != nil || interval <= 0 {
				return 0, fmt.Errorf("EnvoyFilter %s fills its bucket every %q", filter.GetName(), text)
			}
			own := float64(integer(limit, "token_bucket", "tokens_per_fill")) / interval.Seconds()
			if burst := float64(integer(limit, "token_bucket", "max_tokens")); interval > time.Second || burst < own || burst > longestBurst*own {
				return 0, fmt.Errorf("EnvoyFilter %s admits %.2f requests per second, filled every %s, and %.0f at once", filter.GetName(), own, interval, burst)
			}
			rate = max(rate, own)
		}
	}
	return rate, nil
}
