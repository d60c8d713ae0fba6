package dev_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/dev"
	"souk/router/gateway/playground"
	"souk/schema"
)

// An example is an operation that users see first: a tab of the playground, or a
// command of the README. missing has, for each service, the fields that are
// null while it is away. A service that is not listed is not missed.
type example struct {
	name, query, operation string
	variables              map[string]any
	missing                map[string][]string
	mutation               bool
}

// Whichever service is away, an operation answers with everything that the
// others know: no field takes a list or an object of another service with it.
func TestExamplesDegradeByField(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	s := open(t, dev.Options{RedisURL: "redis://" + redis.Addr()})
	examples := s.examples(t)
	for _, away := range []string{"user", "product", "inventory", "order", "notification"} {
		full := map[string]map[string]any{}
		for _, e := range examples {
			if e.mutation {
				continue
			}
			eventually(t, time.Minute, e.name+" complete before "+away+" goes away", func() bool {
				full[e.name] = s.ask(t, e)
				return full[e.name]["errors"] == nil && full[e.name]["data"] != nil
			})
		}
		if err := s.StopService(away); err != nil {
			t.Fatal(err)
		}
		for _, e := range examples {
			if e.mutation {
				checkMutation(t, away, e, s.ask(t, e))
				continue
			}
			s.checkQuery(t, redis, away, e, full[e.name])
		}
		if err := s.StartService(t.Context(), away); err != nil {
			t.Fatal(err)
		}
	}
}

// A REST response says what it lacks while a service is away, as docs/clients.md has it.
func TestPartialResponsesNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := open(t, dev.Options{})
	for _, service := range []struct {
		name    string
		missing map[string]string // path: Souk-Partial
	}{
		{"inventory", map[string]string{"/api/products/8": `"/stock"`, "/api/products?limit=2": `"/*/stock"`, "/api/products?limit=2&total=true": `"/*/stock"`}},
		{"user", map[string]string{"/api/products/8": "", "/api/products?limit=2": ""}},
	} {
		if err := s.StopService(service.name); err != nil {
			t.Fatal(err)
		}
		for path, want := range service.missing {
			if _, header := s.expect(t, http.StatusOK, http.MethodGet, path, ""); header.Get("Souk-Partial") != want {
				t.Errorf("%s without %s: got Souk-Partial %s, want %s", path, service.name, header.Get("Souk-Partial"), want)
			}
		}
		if err := s.StartService(t.Context(), service.name); err != nil {
			t.Fatal(err)
		}
	}
}

// checkQuery checks that a response lacks the fields of the service that is
// away, and no others, once cached entities no longer stand in for it.
func (s *store) checkQuery(t *testing.T, redis *miniredis.Miniredis, away string, e example, full map[string]any) {
	t.Helper()
	want := slices.Sorted(slices.Values(e.missing[away]))
	var (
		paths []string
		got   map[string]any
	)
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		redis.FlushAll()
		got = s.ask(t, e)
		missing := map[string]bool{}
		compare(missing, "data", full["data"], got["data"])
		paths = slices.Sorted(maps.Keys(missing))
		if slices.Equal(paths, want) && (got["errors"] != nil) == (len(want) > 0) {
			return
		}
	}
	t.Errorf("%s without %s lacks %v, want %v\n%v", e.name, away, paths, want, got["errors"])
}

// checkMutation checks that a mutation succeeds, or says with a type that a
// service is unavailable. Without its own service there is an error.
func checkMutation(t *testing.T, away string, e example, got map[string]any) {
	t.Helper()
	data, _ := got["data"].(map[string]any)
	if away == "order" {
		if got["errors"] == nil {
			t.Errorf("%s without %s: %v", e.name, away, got)
		}
		return
	}
	for _, result := range data {
		if typed, ok := result.(map[string]any); ok && (typed["order"] != nil || typed["code"] == "UNAVAILABLE" && slices.Contains(e.missing[away], "UNAVAILABLE")) {
			return
		}
	}
	t.Errorf("%s without %s: %v", e.name, away, got)
}

// compare adds the paths of what is null in got, but not in full.
func compare(missing map[string]bool, path string, full, got any) {
	if full == nil {
		return
	}
	if got == nil {
		missing[path] = true
		return
	}
	switch full := full.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for key, value := range full {
			compare(missing, path+"."+key, value, object[key])
		}
	case []any:
		list, _ := got.([]any)
		if len(list) < len(full) { // there may be more: notifications arrive
			missing[fmt.Sprintf("%s: %d of %d items", path, len(list), len(full))] = true
			return
		}
		for i := range full {
			compare(missing, path, full[i], list[i])
		}
	}
}

// examples returns the playground's operations and that of the README. An
// example that is new needs an entry here.
func (s *store) examples(t *testing.T) []example {
	t.Helper()
	files, err := fs.Sub(schema.Examples, "examples")
	if err != nil {
		t.Fatal(err)
	}
	tabs, err := playground.Examples(files)
	if err != nil {
		t.Fatal(err)
	}
	id := s.order(t, "1", "1")
	list := []example{
		{name: "Browse", missing: map[string][]string{
			"product":   {"data"},
			"inventory": {"data.products.nodes.inStock", "data.products.nodes.available"},
		}},
		{name: "Order", mutation: true, missing: map[string][]string{
			"user": {"UNAVAILABLE"}, "product": {"UNAVAILABLE"}, "inventory": {"UNAVAILABLE"},
		}},
		{name: "Customer", missing: map[string][]string{
			"user":         {"data.user"},
			"order":        {"data.user.orders"},
			"product":      {"data.user.orders.nodes.lines.product.shippingEstimate"}, // which depends on the weight
			"inventory":    {"data.user.orders.nodes.lines.product.shippingEstimate"},
			"notification": {"data.user.orders.nodes.notifications"},
		}},
		{name: "Follow", operation: "Follow", variables: map[string]any{"id": id}, missing: map[string][]string{
			"order":     {"data"},
			"inventory": {"data.orderUpdated.lines.product.inStock"},
		}},
		{name: "Later", missing: map[string][]string{
			"product":   {"data"},
			"inventory": {"data.products.nodes.available", "data.products.nodes.shippingEstimate"},
		}},
	}
	if len(tabs) != len(list) {
		t.Fatalf("the playground has %d examples, this test %d", len(tabs), len(list))
	}
	for i, tab := range tabs {
		if !strings.Contains(tab.Query, " "+list[i].name) {
			t.Fatalf("example %d is not %s: %s", i, list[i].name, tab.Query)
		}
		list[i].query = tab.Query
		if tab.Variables != "" && list[i].variables == nil {
			if err := json.Unmarshal([]byte(tab.Variables), &list[i].variables); err != nil {
				t.Fatal(err)
			}
		}
	}
	cancel := list[3]
	cancel.name, cancel.operation, cancel.mutation, cancel.missing = "Cancel", "Cancel", true, nil
	cancel.variables = map[string]any{"id": s.order(t, "1", "1")}
	order := list[1] // mutations change what the others show: they come last
	return append(slices.Delete(list, 1, 2), readmeExample(t), order, cancel)
}

// readmeExample returns the GraphQL operation that the README sends with curl.
func readmeExample(t *testing.T) example {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`curl \$GATEWAY_URL/graphql .* -d '(.*)'`).FindSubmatch(text)
	if command == nil {
		t.Fatal("the README has no GraphQL operation")
	}
	var request struct{ Query string }
	if err := json.Unmarshal(command[1], &request); err != nil {
		t.Fatal(err)
	}
	return example{name: "README", query: request.Query, missing: map[string][]string{
		"order":        {"data"},
		"user":         {"data.orders.nodes.user"},
		"product":      {"data.orders.nodes.lines.product"},
		"inventory":    {"data.orders.nodes.lines.product.inStock"},
		"notification": {"data.orders.nodes.notifications"},
	}}
}

// ask runs an operation and returns its response, of a subscription the first.
func (s *store) ask(t *testing.T, e example) map[string]any {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": e.query, "operationName": e.operation, "variables": e.variables})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL("router")+"/graphql", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if strings.Contains(e.query, "subscription") && !e.mutation {
		req.Header.Set("Accept", "text/event-stream")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		text := strings.TrimPrefix(lines.Text(), "data: ")
		if !strings.HasPrefix(text, "{") {
			continue
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("%s: %v in %s", e.name, err, text)
		}
		return answer
	}
	t.Fatalf("%s: no response, status %d", e.name, res.StatusCode)
	return nil
}
