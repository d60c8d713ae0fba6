package verify

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	// errorTime is what each party needs to report that the next one took too long.
	errorTime = 500 * time.Millisecond
	// pageTime is how long a page of the router, which waits for no subgraph, may take over a
	// slow network.
	pageTime = 5 * time.Second
)

// CheckTimeouts wants each party to wait longer than the next one takes to report
// its own error: the gateway longer than the router, the router longer than each
// subgraph, that longer than its calls, and those longer than a statement of SQL. A proxy
// between two of them waits as long as the caller must. sources is the top directory of the
// repository, which has the timeouts of calls and statements; the DATABASE_URL of a service may
// have another one for its statements.
func (d Documents) CheckTimeouts(sources string) error {
	router, err := d.routerTimeouts("ecommerce", "api-gateway", sources)
	if err != nil {
		return err
	}
	services, err := serviceTimes(sources)
	if err != nil {
		return err
	}
	graph, err := d.supergraph(router)
	if err != nil {
		return err
	}
	routes, err := d.timedRoutes()
	if err != nil {
		return err
	}
	own, err := d.ownStatementTimes()
	if err != nil {
		return err
	}
	err = errors.Join(longer("a call of a service", services.call, "a statement of SQL", services.statement), router.check(services, graph))
	for _, name := range slices.Sorted(maps.Keys(own)) {
		err = errors.Join(err, longer("a call of a service", services.call, "a statement of "+name, own[name]))
	}
	for _, r := range routes {
		switch takes, known := services.takes(r.host); {
		case known && (r.entry || r.total > 0):
			err = errors.Join(err, r.outlasts(r.host, takes))
		case known && r.try > 0:
			err = errors.Join(err, longer("an attempt of "+r.name, r.try, r.host, takes))
		}
	}
	return errors.Join(err, router.checkRoutes(routes, "api-gateway", graph.longest))
}

func longer(outer string, o time.Duration, inner string, i time.Duration) error {
	if o < i+errorTime {
		return fmt.Errorf("%s waits %s; %s takes up to %s", outer, o, inner, i)
	}
	return nil
}

// times are how long parts of the services take.
type times struct{ statement, call, place time.Duration }

func serviceTimes(sources string) (t times, err error) {
	for _, value := range []struct {
		to         *time.Duration
		file, name string
	}{
		{&t.call, "subgraphs/internal/peer/peer.go", "callTimeout"},
		{&t.place, "subgraphs/order/checkout/service.go", "placeTimeout"},
		{&t.statement, "subgraphs/internal/database/timeout.go", "statementTimeout"},
	} {
		if *value.to, err = constant(filepath.Join(sources, value.file), value.name); err != nil {
			return t, err
		}
	}
	return t, nil
}

// subgraphs are the names of the services of the store that have a part of the graph.
func subgraphs() []string {
	var names []string
	for _, program := range Programs[1:] {
		if program != paymentProvider {
			names = append(names, subcommand(program))
		}
	}
	return names
}

// takes returns how long the service behind a host takes until it reports an error: a call of
// another one, an order with its checks, or a statement if it calls nobody.
func (t times) takes(host string) (time.Duration, bool) {
	switch {
	case host == "order-service":
		return t.call + t.place, true
	case host == paymentProvider:
		return t.statement, true
	case slices.Contains(Programs[1:], host):
		return t.call, true
	}
	return 0, false
}

// routerTimeouts are how long a router waits in all, for a subgraph, and for those that have
// a timeout of their own.
type routerTimeouts struct {
	total, all time.Duration
	own        map[string]time.Duration
}

// of returns how long the router waits for a subgraph.
func (t routerTimeouts) of(subgraph string) time.Duration {
	if own, found := t.own[subgraph]; found {
		return own
	}
	return t.all
}

// check wants the router to wait longer for each service than it takes, and in all longer than
// for any one, also of a subgraph that is not of the store.
func (t routerTimeouts) check(services times, graph *supergraph) (err error) {
	all := slices.Collect(maps.Values(graph.names))
	for name := range t.own {
		if !slices.Contains(all, name) {
			err = errors.Join(err, fmt.Errorf("the router has a timeout for %s, which is no subgraph", name))
		}
	}
	for _, name := range subgraphs() {
		takes, _ := services.takes(name + "-service")
		err = errors.Join(err, longer("the router for "+name, t.of(name), "the service", takes))
	}
	return errors.Join(err, t.checkTotal(slices.Sorted(slices.Values(append(all, subgraphs()...)))))
}

// checkTotal wants the router to wait in all longer than for any subgraph.
func (t routerTimeouts) checkTotal(names []string) (err error) {
	for _, name := range names {
		err = errors.Join(err, longer("the router in all", t.total, name, t.of(name)))
	}
	return err
}

// checkRoutes wants the routes to the router to outlast it, except those of streams, which last
// as long as the client listens. longest says how long the subgraphs of the REST requests
// below a path take one after the other, or 0 if there are none: an attempt may be shorter
// than the router as a whole, but not than these.
func (t routerTimeouts) checkRoutes(routes []timedRoute, host string, longest func(path string) time.Duration) (err error) {
	found := false
	for _, r := range routes {
		switch {
		case r.host != host && r.host != host+"-streams":
		case r.streams && r.total+r.try > 0:
			err = errors.Join(err, fmt.Errorf("%s ends streams after %s", r.name, max(r.total, r.try)))
		case r.streams:
		case r.rest:
			err = errors.Join(err, r.outlasts("a page", pageTime))
		default:
			found = true
			below := time.Duration(0)
			for _, path := range r.paths {
				takes := longest(path)
				if takes == 0 || takes > t.total {
					takes = t.total
				}
				below = max(below, takes)
			}
			if r.try > 0 {
				err = errors.Join(err, longer("an attempt of "+r.name, r.try, "the router", below), longer(r.name, r.total, "an attempt", r.try))
			}
			err = errors.Join(err, longer(r.name, r.total, "the router", t.total))
		}
	}
	if !found {
		err = errors.Join(err, fmt.Errorf("no route for requests leads to %s", host))
	}
	return err
}

// routerTimeouts reads them from the configuration of a router, and what it lacks from the
// defaults in docs/router.yaml.
func (d Documents) routerTimeouts(namespace, name, sources string) (t routerTimeouts, err error) {
	texts := d.values("ConfigMap", namespace, name, "router.yaml")
	if len(texts) != 1 {
		return t, errors.New("the router has no configuration")
	}
	var file struct {
		Shaping trafficShaping `json:"traffic_shaping"`
	}
	if err := routerDefaults(sources, &file); err != nil {
		return t, err
	}
	if err := yaml.Unmarshal([]byte(texts[0]), &file); err != nil {
		return t, fmt.Errorf("the router's configuration: %w", err)
	}
	t.own = map[string]time.Duration{}
	for _, name := range slices.Sorted(maps.Keys(file.Shaping.Subgraphs)) {
		if text := file.Shaping.Subgraphs[name].Timeout; text != "" {
			if t.own[name], err = time.ParseDuration(text); err != nil {
				return t, fmt.Errorf("the timeout of %s in the router's configuration: %w", name, err)
			}
		}
	}
	for to, text := range map[*time.Duration]string{&t.total: file.Shaping.Router.Timeout, &t.all: file.Shaping.All.Timeout} {
		if *to, err = time.ParseDuration(text); err != nil {
			return t, fmt.Errorf("a timeout in the router's configuration: %w", err)
		}
	}
	return t, nil
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
