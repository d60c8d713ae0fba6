package verify

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A clientRequest is what the gateway decides by where it goes.
type clientRequest struct {
	method, path string
	header       [2]string // its name and its value, if it has one that counts
}

func (r clientRequest) String() string {
	return strings.TrimSpace(strings.Join([]string{r.method, r.path, r.header[0], r.header[1]}, " "))
}

// entryRequests are requests of each kind that the gateway admits, and the Service, with the subset
// in Istio's own API, that responds to them.
var entryRequests = []struct {
	clientRequest
	to, inGatewayAPI string
}{
	{clientRequest{method: "POST", path: "/graphql"}, "api-gateway", ""},
	{clientRequest{method: "GET", path: "/graphql"}, "api-gateway", ""},
	{clientRequest{"GET", "/graphql", [2]string{"upgrade", "websocket"}}, "api-gateway/streams", "api-gateway-streams"},
	{clientRequest{"GET", "/graphql/stream", [2]string{"accept", "text/event-stream"}}, "api-gateway/streams", "api-gateway-streams"},
	{clientRequest{"POST", "/graphql", [2]string{"accept", "multipart/mixed;deferSpec=20220824, application/json"}}, "api-gateway/streams", "api-gateway-streams"},
	{clientRequest{method: "GET", path: "/api/health"}, "api-gateway", ""},
	{clientRequest{method: "GET", path: "/api/products"}, "api-gateway", ""},
	{clientRequest{method: "PATCH", path: "/api/products/1"}, "api-gateway", ""},
	{clientRequest{method: "POST", path: "/api/users"}, "api-gateway", ""},
	{clientRequest{method: "POST", path: "/api/orders"}, "api-gateway", ""},
	{clientRequest{method: "GET", path: "/images/1.webp"}, "product-service/v1", "product-service"},
	{clientRequest{method: "GET", path: "/"}, "api-gateway", ""},
}

// checkDestinations wants the gateway to send each request to what serves it, and requests for a
// Service inside the mesh to reach this Service: another one responds, too, and only callers
// notice.
func (d Documents) checkDestinations() (err error) {
	for _, document := range d.OfKind("VirtualService", "HTTPRoute") {
		for i, rule := range rules(document) {
			err = errors.Join(err, inContext(fmt.Sprintf("%s %s, rule %d", document.GetKind(), document.GetName(), i+1), checkUnchanged(document, rule), d.checkInside(document, rule), d.checkPorts(document, rule)))
		}
		if insideOf(document) != "" && document.GetKind() == "VirtualService" && !slices.ContainsFunc(rules(document), func(rule map[string]any) bool { return rule["match"] == nil }) {
			err = errors.Join(err, fmt.Errorf("VirtualService %s has no rule for requests that match none", document.GetName()))
		}
	}
	for _, document := range d.OfKind("VirtualService", "HTTPRoute") {
		if !entersRouter(document) {
			continue
		}
		for _, r := range entryRequests {
			want := r.to
			if document.GetKind() == "HTTPRoute" {
				want = cmp.Or(r.inGatewayAPI, r.to)
			}
			if to := d.destination(document, r.clientRequest); to != want {
				err = errors.Join(err, fmt.Errorf("%s %s sends %s to %q and not to %s", document.GetKind(), document.GetName(), r, to, want))
			}
		}
	}
	return errors.Join(err, d.checkEjected())
}

// rules returns the routes of a VirtualService or the rules of an HTTPRoute.
func rules(document Document) (all []map[string]any) {
	field := "http"
	if document.GetKind() == "HTTPRoute" {
		field = "rules"
	}
	entries, _, _ := unstructured.NestedSlice(document.Object, "spec", field)
	for _, entry := range entries {
		rule, _ := entry.(map[string]any)
		all = append(all, rule)
	}
	return all
}

// insideOf returns the Service that a document is the routes of for callers inside the mesh, or an
// empty string if they are those of a gateway, or of a VirtualService that delegates to it.
func insideOf(document Document) string {
	if document.GetKind() == "HTTPRoute" {
		parents, _, _ := unstructured.NestedSlice(document.Object, "spec", "parentRefs")
		for _, entry := range parents {
			if parent, _ := entry.(map[string]any); parent["kind"] == "Service" {
				return fmt.Sprint(parent["name"])
			}
		}
		return ""
	}
	gateways, _, _ := unstructured.NestedStringSlice(document.Object, "spec", "gateways")
	hosts, _, _ := unstructured.NestedStringSlice(document.Object, "spec", "hosts")
	if len(hosts) == 0 || slices.ContainsFunc(gateways, func(name string) bool { return name != "mesh" }) {
		return ""
	}
	name, _, _ := strings.Cut(hosts[0], ".")
	return name
}

// entersRouter reports whether a document has the routes of the gateway, and does not only redirect.
func entersRouter(document Document) bool {
	if document.GetKind() == "HTTPRoute" {
		return insideOf(document) == "" && slices.ContainsFunc(rules(document), func(rule map[string]any) bool { return rule["backendRefs"] != nil })
	}
	gateways, _, _ := unstructured.NestedStringSlice(document.Object, "spec", "gateways")
	return insideOf(document) == "" && len(gateways) > 0
}

// targets returns where a rule sends requests to, as SERVICE or SERVICE/SUBSET.
func targets(document Document, rule map[string]any) (all []string) {
	field := "route"
	if document.GetKind() == "HTTPRoute" {
		field = "backendRefs"
	}
	entries, _, _ := unstructured.NestedSlice(rule, field)
	for _, entry := range entries {
		target, _ := entry.(map[string]any)
		host, found, _ := unstructured.NestedString(target, "destination", "host")
		if !found {
			host, _, _ = unstructured.NestedString(target, "name")
		}
		host, _, _ = strings.Cut(host, ".")
		if subset, _, _ := unstructured.NestedString(target, "destination", "subset"); subset != "" {
			host += "/" + subset
		}
		all = append(all, host)
	}
	return all
}

// checkInside wants a rule for callers of a Service to send requests to pods of that Service: to
// itself, its subsets, or another Service of the same program.
func (d Documents) checkInside(document Document, rule map[string]any) error {
	service := insideOf(document)
	if service == "" {
		return nil
	}
	for _, target := range targets(document, rule) {
		host, _, _ := strings.Cut(target, "/")
		if host != service && (d.program(host) == "" || d.program(host) != d.program(service)) {
			return fmt.Errorf("it sends requests for %s to %s", service, target)
		}
	}
	return nil
}

// checkPorts wants the targets of a rule to have a port of their Service, and a subset that a
// DestinationRule declares.
func (d Documents) checkPorts(document Document, rule map[string]any) (err error) {
	entries, _, _ := unstructured.NestedSlice(rule, "route")
	for _, entry := range entries {
		target, _ := entry.(map[string]any)
		destination, _, _ := unstructured.NestedMap(target, "destination")
		host, _, _ := strings.Cut(fmt.Sprint(destination["host"]), ".")
		port := fmt.Sprint(integer(destination, "port", "number"))
		if _, _, wrong := d.behind(document.GetNamespace(), host, port); wrong != nil {
			err = errors.Join(err, fmt.Errorf("nothing serves the port %s of %s: %w", port, host, wrong))
		}
		if destination["subset"] == nil && slices.ContainsFunc(targets(document, rule), func(other string) bool { return strings.HasPrefix(other, host+"/") }) {
			err = errors.Join(err, fmt.Errorf("several targets are %s, and one of them has no subset, so that its requests reach all versions", host))
		}
		if subset := destination["subset"]; subset != nil && !d.declares(host, subset) {
			err = errors.Join(err, fmt.Errorf("no DestinationRule has the subset %v of %s", subset, host))
		}
	}
	return err
}

// declares reports whether a DestinationRule has a subset of a host.
func (d Documents) declares(host string, subset any) bool {
	for _, document := range d.OfKind("DestinationRule") {
		of, _, _ := unstructured.NestedString(document.Object, "spec", "host")
		of, _, _ = strings.Cut(of, ".")
		subsets, _, _ := unstructured.NestedSlice(document.Object, "spec", "subsets")
		if of == host && slices.ContainsFunc(subsets, func(entry any) bool {
			declared, _ := entry.(map[string]any)
			return declared["name"] == subset
		}) {
			return true
		}
	}
	return false
}

// program returns the label app of the pods of a Service of the store.
func (d Documents) program(service string) string {
	for _, document := range d.OfKind("Service") {
		if document.GetName() == service && document.GetNamespace() == "ecommerce" {
			app, _, _ := unstructured.NestedString(document.Object, "spec", "selector", "app")
			return app
		}
	}
	return ""
}

// checkUnchanged wants a request to arrive as it was sent: at the path that the program serves, and
// with the token of its caller.
func checkUnchanged(document Document, rule map[string]any) error {
	for _, field := range []string{"rewrite", "redirect"} {
		if _, found := rule[field]; found && document.GetKind() == "VirtualService" {
			return fmt.Errorf("it has %s, so that requests arrive at another path", field)
		}
	}
	changes := []any{rule["headers"], rule["filters"]}
	for _, field := range []string{"route", "backendRefs"} {
		entries, _, _ := unstructured.NestedSlice(rule, field)
		for _, entry := range entries {
			target, _ := entry.(map[string]any)
			changes = append(changes, target["headers"], target["filters"])
		}
	}
	for _, change := range changes {
		text := strings.ToLower(fmt.Sprint(change))
		if strings.Contains(text, "authorization") {
			return errors.New("it changes the header authorization, so that the router does not know the caller")
		}
		if strings.Contains(text, "urlrewrite") {
			return errors.New("it rewrites URLs, so that requests arrive at another path")
		}
	}
	return nil
}

// destination returns where the routes of a gateway send a request to, or an empty string. The first
// route of a VirtualService that matches takes it; of an HTTPRoute, that with the longest path,
// then with a method, then with more headers.
func (d Documents) destination(document Document, r clientRequest) string {
	best, to := -1, ""
	for _, rule := range rules(document) {
		score := matchScore(document, rule, r)
		if score <= best {
			continue
		}
		best = score
		if delegate, found, _ := unstructured.NestedString(rule, "delegate", "name"); found {
			to = ""
			for _, other := range d.OfKind("VirtualService") {
				if other.GetName() == delegate {
					to = d.destination(other, r)
				}
			}
		} else {
			to = strings.Join(slices.Compact(targets(document, rule)), " ")
		}
		if document.GetKind() == "VirtualService" {
			return to
		}
	}
	return to
}

// matchScore returns how exactly a rule matches a request, or -1.
func matchScore(document Document, rule map[string]any, r clientRequest) int {
	field := "match"
	if document.GetKind() == "HTTPRoute" {
		field = "matches"
	}
	conditions, found, _ := unstructured.NestedSlice(rule, field)
	if !found {
		return 0
	}
	best := -1
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if document.GetKind() == "HTTPRoute" {
			best = max(best, gatewayScore(condition, r))
		} else if virtualMatch(condition, r) {
			best = 0
		}
	}
	return best
}

// virtualMatch reports whether a match of a VirtualService takes a request. One with a condition that is not
// known takes none.
func virtualMatch(condition map[string]any, r clientRequest) bool {
	for field, value := range condition {
		switch field {
		case "name":
		case "uri":
			if !stringMatch(value, r.path) {
				return false
			}
		case "method":
			if !stringMatch(value, r.method) {
				return false
			}
		case "headers":
			headers, _ := value.(map[string]any)
			for name, value := range headers {
				if name != r.header[0] || !stringMatch(value, r.header[1]) {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// stringMatch reports whether a StringMatch of Istio matches a text.
func stringMatch(match any, text string) bool {
	m, _ := match.(map[string]any)
	for kind, value := range m {
		wanted := fmt.Sprint(value)
		switch kind {
		case "exact":
			return text == wanted
		case "prefix":
			return strings.HasPrefix(text, wanted)
		case "regex":
			return fullMatch(wanted, text)
		}
	}
	return false
}

func fullMatch(pattern, text string) bool {
	compiled, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && compiled.MatchString(text)
}

// gatewayScore returns how exactly a match of an HTTPRoute matches a request, or -1.
func gatewayScore(condition map[string]any, r clientRequest) int {
	score := 0
	if path, found, _ := unstructured.NestedMap(condition, "path"); found {
		value := fmt.Sprint(path["value"])
		switch prefix := strings.TrimSuffix(value, "/"); {
		case path["type"] == "Exact" && r.path == value:
			score = 1 << 20
		case (path["type"] == "PathPrefix" || path["type"] == nil) && (r.path == prefix || strings.HasPrefix(r.path, prefix+"/")):
			score = len(value) << 8
		default:
			return -1
		}
	}
	if method, found := condition["method"]; found {
		if method != r.method {
			return -1
		}
		score += 1 << 6
	}
	headers, _, _ := unstructured.NestedSlice(condition, "headers")
	for _, entry := range headers {
		header, _ := entry.(map[string]any)
		value := fmt.Sprint(header["value"])
		if header["name"] != r.header[0] || value != r.header[1] && (header["type"] != "RegularExpression" || !fullMatch(value, r.header[1])) {
			return -1
		}
		score++
	}
	return score
}

// checkEjected wants the mesh to leave pods of each service alone that fail, as in the tutorial.
func (d Documents) checkEjected() (err error) {
	for _, name := range d.programs() {
		if name == "api-gateway" || name == paymentProvider {
			continue
		}
		if !slices.ContainsFunc(d.OfKind("DestinationRule"), func(rule Document) bool {
			host, _, _ := unstructured.NestedString(rule.Object, "spec", "host")
			host, _, _ = strings.Cut(host, ".")
			_, found, _ := unstructured.NestedMap(rule.Object, "spec", "trafficPolicy", "outlierDetection")
			return host == name && found
		}) {
			err = errors.Join(err, fmt.Errorf("no DestinationRule of %s has outlierDetection, so pods that fail get requests", name))
		}
	}
	return err
}

// checkIntercepted wants the proxies to take all connections of pods in the mesh: those that go
// around them are neither encrypted nor authorized.
func (d Documents) checkIntercepted() (err error) {
	for _, document := range d.controllers() {
		annotations, _, _ := unstructured.NestedStringMap(document.Object, append(templatePath(document), "metadata", "annotations")...)
		for name := range annotations {
			if strings.HasPrefix(name, "traffic.sidecar.istio.io/") {
				err = errors.Join(err, fmt.Errorf("%s %s has the annotation %s, so that connections go around its proxy", document.GetKind(), document.GetName(), name))
			}
		}
	}
	return err
}
