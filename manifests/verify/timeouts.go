package verify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// errorTime is what each party needs to report that the next one took too long.
const errorTime = 500 * time.Millisecond

// productSteps is how many subgraphs a REST request for products waits for, one
// after the other: product, and inventory for the stock.
const productSteps = 2

// CheckTimeouts wants each party to wait longer than the next one takes to report
// its own error: the gateway longer than the router, the router longer than a
// subgraph, that longer than its calls, and those longer than a statement of SQL.
// sources is the top directory of the repository, which has the timeouts of calls
// and statements.
func (d Documents) CheckTimeouts(sources string) error {
	router, err := d.routerTimeouts()
	if err != nil {
		return err
	}
	call, err := constant(filepath.Join(sources, "subgraphs/internal/peer/peer.go"), "callTimeout")
	if err != nil {
		return err
	}
	place, err := constant(filepath.Join(sources, "subgraphs/order/checkout/service.go"), "placeTimeout")
	if err != nil {
		return err
	}
	statement, err := constant(filepath.Join(sources, "subgraphs/internal/database/timeout.go"), "statementTimeout")
	if err != nil {
		return err
	}
	err = errors.Join(
		longer("a call of a service", call, "a statement of SQL", statement),
		longer("the router for a subgraph", router.all, "a call of a service", call),
		longer("the router for order", router.order, "an order with its checks", call+place),
		longer("the router in all", router.total, "order", router.order),
	)
	for _, r := range d.routesToRouter() {
		below, name := router.total, "the router"
		if r.name == "products" {
			below, name = productSteps*router.all, "the subgraphs of a product"
		}
		if r.try > 0 {
			err = errors.Join(err, longer("an attempt of route "+r.name, r.try, name, below), longer("route "+r.name, r.total, "an attempt", r.try))
		}
		if r.name != "pages" { // they wait for no subgraph
			err = errors.Join(err, longer("route "+r.name, r.total, "the router", router.total))
		}
	}
	return err
}

func longer(outer string, o time.Duration, inner string, i time.Duration) error {
	if o < i+errorTime {
		return fmt.Errorf("%s waits %s; %s takes up to %s", outer, o, inner, i)
	}
	return nil
}

type routerTimeouts struct{ total, all, order time.Duration }

func (d Documents) routerTimeouts() (t routerTimeouts, err error) {
	texts := d.values("ConfigMap", "ecommerce", "api-gateway", "router.yaml")
	if len(texts) != 1 {
		return t, errors.New("the router has no configuration")
	}
	var file struct {
		Shaping struct {
			Router, All struct{ Timeout string }
			Subgraphs   map[string]struct{ Timeout string }
		} `json:"traffic_shaping"`
	}
	if err := yaml.Unmarshal([]byte(texts[0]), &file); err != nil {
		return t, fmt.Errorf("the router's configuration: %w", err)
	}
	for _, value := range []struct {
		to   *time.Duration
		text string
	}{{&t.total, file.Shaping.Router.Timeout}, {&t.all, file.Shaping.All.Timeout}, {&t.order, file.Shaping.Subgraphs["order"].Timeout}} {
		if *value.to, err = time.ParseDuration(value.text); err != nil {
			return t, fmt.Errorf("a timeout in the router's configuration: %w", err)
		}
	}
	return t, nil
}

// A timedRoute is a route of the gateway to the router.
type timedRoute struct {
	name       string
	total, try time.Duration // try is 0 if an attempt may take as long as all
}

// routesToRouter are those for requests; streams have no timeout.
func (d Documents) routesToRouter() (all []timedRoute) {
	for _, document := range d.OfKind("VirtualService") {
		routes, _, _ := unstructured.NestedSlice(document.Object, "spec", "http")
		for _, entry := range routes {
			route, _ := entry.(map[string]any)
			targets, _, _ := unstructured.NestedSlice(route, "route")
			name, _, _ := unstructured.NestedString(route, "name")
			if len(targets) == 0 || name == "streams" {
				continue
			}
			target, _ := targets[0].(map[string]any)
			if host, _, _ := unstructured.NestedString(target, "destination", "host"); host != "api-gateway" {
				continue
			}
			total, _, _ := unstructured.NestedString(route, "timeout")
			try, _, _ := unstructured.NestedString(route, "retries", "perTryTimeout")
			r := timedRoute{name: name}
			r.total, _ = time.ParseDuration(total) // 0, which is too short, if there is none
			r.try, _ = time.ParseDuration(try)
			all = append(all, r)
		}
	}
	return all
}

// constant reads a duration from Go source.
func constant(file, name string) (time.Duration, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^\s*` + name + `\s*=\s*(?:(\d+) \* )?time\.(Second|Millisecond)$`).FindStringSubmatch(string(text))
	if found == nil {
		return 0, fmt.Errorf("%s has no duration %s", file, name)
	}
	count := 1
	if found[1] != "" {
		if count, err = strconv.Atoi(found[1]); err != nil {
			return 0, err
		}
	}
	return time.Duration(count) * map[string]time.Duration{"Second": time.Second, "Millisecond": time.Millisecond}[found[2]], nil
}
