package verify

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A timedRoute is a route of a VirtualService or an HTTPRoute, with its timeouts.
type timedRoute struct {
	name       string
	host       string   // of the Service that it leads to, without its domain
	paths      []string // the beginnings of those that it takes
	rest       bool     // it takes what other routes of its object to this host do not
	streams    bool     // it takes subscriptions
	entry      bool     // it is one of the gateway, whose requests would never end without a timeout
	total, try time.Duration
}

// outlasts wants a request, and an attempt of it, to wait longer than what it is for takes.
func (r timedRoute) outlasts(what string, takes time.Duration) error {
	err := longer(r.name, r.total, what, takes)
	if r.try > 0 {
		err = errors.Join(err, longer("an attempt of "+r.name, r.try, what, takes), longer(r.name, r.total, "an attempt", r.try))
	}
	return err
}

// timedRoutes returns the routes of the mesh, and of the Gateway API.
func (d Documents) timedRoutes() (all []timedRoute, err error) {
	for _, document := range d.OfKind("VirtualService", "HTTPRoute") {
		field, read := "http", virtualRoute
		if document.GetKind() == "HTTPRoute" {
			field, read = "rules", gatewayRoute
		}
		entries, _, _ := unstructured.NestedSlice(document.Object, "spec", field)
		var own []timedRoute
		for i, entry := range entries {
			route, _ := entry.(map[string]any)
			r := timedRoute{name: fmt.Sprintf("route %v", route["name"])}
			if route["name"] == nil {
				r.name = fmt.Sprintf("rule %d of %s", i+1, document.GetName())
			}
			if wrong := read(document, route, &r); wrong != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", r.name, wrong))
			}
			own = append(own, r)
		}
		for i, r := range own {
			others := false
			for j, other := range own {
				others = others || j != i && other.host == r.host && !other.streams && strings.Join(other.paths, "") != "/"
			}
			own[i].rest = others && strings.Join(r.paths, "") == "/"
		}
		all = append(all, own...)
	}
	return all, err
}

// virtualRoute reads a route of a VirtualService.
func virtualRoute(document Document, route map[string]any, r *timedRoute) error {
	targets, _, _ := unstructured.NestedSlice(route, "route")
	if len(targets) > 0 {
		target, _ := targets[0].(map[string]any)
		host, _, _ := unstructured.NestedString(target, "destination", "host")
		subset, _, _ := unstructured.NestedString(target, "destination", "subset")
		r.host, _, _ = strings.Cut(host, ".")
		r.streams = subset == "streams"
	}
	_, hasHosts, _ := unstructured.NestedSlice(document.Object, "spec", "hosts")
	_, hasGateways, _ := unstructured.NestedSlice(document.Object, "spec", "gateways")
	r.entry = (hasGateways || !hasHosts) && r.host != "" // a delegate has no hosts
	matches, _, _ := unstructured.NestedSlice(route, "match")
	for _, entry := range matches {
		match, _ := entry.(map[string]any)
		path := "/"
		for _, kind := range []string{"exact", "prefix"} {
			if value, found, _ := unstructured.NestedString(match, "uri", kind); found {
				path = value
			}
		}
		r.paths = append(r.paths, path)
	}
	if len(r.paths) == 0 {
		r.paths = []string{"/"}
	}
	return errors.Join(duration(route, &r.total, "timeout"), duration(route, &r.try, "retries", "perTryTimeout"))
}

// gatewayRoute reads a rule of an HTTPRoute. The timeout of its backend is for an attempt.
func gatewayRoute(document Document, rule map[string]any, r *timedRoute) error {
	targets, _, _ := unstructured.NestedSlice(rule, "backendRefs")
	if len(targets) > 0 {
		target, _ := targets[0].(map[string]any)
		r.host, _, _ = unstructured.NestedString(target, "name")
	}
	parents, _, _ := unstructured.NestedSlice(document.Object, "spec", "parentRefs")
	for _, entry := range parents {
		parent, _ := entry.(map[string]any)
		r.entry = r.entry || parent["kind"] != "Service"
	}
	matches, _, _ := unstructured.NestedSlice(rule, "matches")
	upgrades := 0
	for _, entry := range matches {
		match, _ := entry.(map[string]any)
		path, found, _ := unstructured.NestedString(match, "path", "value")
		if !found {
			path = "/"
		}
		r.paths = append(r.paths, path)
		headers, _, _ := unstructured.NestedSlice(match, "headers")
		for _, entry := range headers {
			if header, _ := entry.(map[string]any); header["name"] == "upgrade" || header["name"] == "accept" {
				upgrades++
			}
		}
	}
	r.streams = len(matches) > 0 && upgrades == len(matches)
	if len(r.paths) == 0 {
		r.paths = []string{"/"}
	}
	return errors.Join(duration(rule, &r.total, "timeouts", "request"), duration(rule, &r.try, "timeouts", "backendRequest"))
}

// duration reads one, which is 0 if there is none.
func duration(object map[string]any, to *time.Duration, path ...string) error {
	text, found, _ := unstructured.NestedFieldNoCopy(object, path...)
	if !found {
		return nil
	}
	value, err := time.ParseDuration(fmt.Sprint(text))
	if err != nil {
		return fmt.Errorf("%s: %w", strings.Join(path, "."), err)
	}
	*to = value
	return nil
}
