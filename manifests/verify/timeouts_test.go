package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Each party has the time to report an error of its own before its caller gives up.
func TestTimeoutsAreOrdered(t *testing.T) {
	const top = "../.."
	if err := read(t).CheckTimeouts(top); err != nil {
		t.Fatal(err)
	}
	own := func(service string) (old, found string) {
		old = "host: " + service + ", port: {number: 8080}}\n      retries: {attempts: 2,"
		return old, strings.Replace(old, "retries: {", "timeout: TIME\n      retries: {", 1)
	}
	inventory, inventoryTime := own("inventory-service")
	order, orderTime := own("order-service")
	payment, paymentTime := own("payment-provider")
	for name, wrong := range map[string]fault{
		"router":             {file: "08", old: "        timeout: 14s", new: "        timeout: 30s", said: "route graphql waits 30s; the router takes up to 30s"},
		"subgraph":           {file: "08", old: "        timeout: 4500ms", new: "        timeout: 5s", said: "an attempt of route products waits 10s; the router takes up to 10s"},
		"calls":              {file: "08", old: "        timeout: 4500ms", new: "        timeout: 2s", said: "the router for user waits 2s; the service takes up to 2.5s"},
		"order":              {file: "08", old: "order: {timeout: 13s}", new: "order: {timeout: 10s}", said: "the router for order waits 10s"},
		"order as all":       {file: "08", old: "order: {timeout: 13s}", new: "order: {}", said: "the router for order waits 4.5s"},
		"long subgraph":      {file: "08", old: "order: {timeout: 13s}", new: "order: {timeout: 13s}\n        inventory: {timeout: 60s}", said: "the router in all waits 14s; inventory takes up to 1m0s"},
		"short subgraph":     {file: "08", old: "order: {timeout: 13s}", new: "order: {timeout: 13s}\n        inventory: {timeout: 100ms}", said: "the router for inventory waits 100ms"},
		"slow step":          {file: "08", old: "order: {timeout: 13s}", new: "order: {timeout: 13s}\n        inventory: {timeout: 6s}", said: "an attempt of route products waits 10s; the router takes up to 10.5s"},
		"no subgraph":        {file: "08", old: "order: {timeout: 13s}", new: "order: {timeout: 13s}\n        stock: {timeout: 5s}", said: "a timeout for stock, which is no subgraph"},
		"attempt":            {file: "10", old: "perTryTimeout: 15s", new: "perTryTimeout: 14s", said: "an attempt of route api waits 14s; the router takes up to 14s"},
		"gateway":            {file: "10", old: "      timeout: 30s\n      retries: {attempts: 2, retryOn", new: "      retries: {attempts: 2, retryOn", said: "route graphql waits 0s"},
		"attempt of GraphQL": {file: "10", old: "timeout: 30s\n      retries: {attempts: 2, retryOn", new: "timeout: 30s\n      retries: {attempts: 2, perTryTimeout: 10s, retryOn", said: "an attempt of route graphql waits 10s"},
		"all attempts":       {file: "10", old: "timeout: 30s\n      retries: {attempts: 3,", new: "timeout: 10s\n      retries: {attempts: 3,", said: "route products waits 10s; an attempt takes up to 10s"},
		"proxy of a service": {file: "10", old: inventory, new: strings.Replace(inventoryTime, "TIME", "1s", 1), said: "route inventory waits 1s; inventory-service takes up to 2.5s"},
		"proxy of order":     {file: "10", old: order, new: strings.Replace(orderTime, "TIME", "12s", 1), said: "route order waits 12s; order-service takes up to 12.5s"},
		"proxy of payments":  {file: "06-p", old: payment, new: strings.Replace(paymentTime, "TIME", "100ms", 1), said: "route payment waits 100ms; payment-provider takes up to 2s"},
		"attempt of a proxy": {file: "10", old: inventory, new: inventory + " perTryTimeout: 1s,", said: "an attempt of route inventory waits 1s"},
		"pictures":           {file: "10", old: "timeout: 10s\n      retries: {attempts: 2, retryOn: \"connect-failure,refused-stream,5xx\"}", new: "retries: {attempts: 2, retryOn: \"connect-failure,refused-stream,5xx\"}", said: "route images waits 0s; product-service takes"},
		"pages":              {file: "10", old: "port: {number: 8080}}\n      timeout: 10s\n---", new: "port: {number: 8080}}\n      timeout: 1s\n---", said: "route pages waits 1s"},
		"streams":            {file: "10", old: "subset: streams, port: {number: 8080}}\n", new: "subset: streams, port: {number: 8080}}\n      timeout: 30s\n", said: "route streams ends streams after 30s"},
		"attempt of streams": {file: "10", old: "subset: streams, port: {number: 8080}}\n      retries: {", new: "subset: streams, port: {number: 8080}}\n      retries: {perTryTimeout: 30s, ", said: "route streams ends streams after 30s"},
		"own statements":     {file: "01-s", old: "/order?sslmode=disable", new: "/order?sslmode=disable&statement_timeout=20000", said: "a call of a service waits 2.5s; a statement of order-service takes up to 20s"},
		"endless statements": {file: "01-s", old: "/user?sslmode=disable", new: "/user?sslmode=disable&statement_timeout=0", said: "user-service: its DATABASE_URL has statement_timeout=0"},
		"no statements":      {file: "01-s", old: "/user?sslmode=disable", new: "/user?sslmode=disable&statement_timeout=1", said: "user-service: its DATABASE_URL has statement_timeout=1"},
		"seconds":            {file: "01-s", old: "/user?sslmode=disable", new: "/user?sslmode=disable&statement_timeout=20s", said: "which is not a number of milliseconds"},
		"no duration":        {file: "10", old: "perTryTimeout: 15s", new: "perTryTimeout: soon", said: "route api: retries.perTryTimeout"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckTimeouts(top))
	}
}

// The routes of the Gateway API have the same order.
func TestTimeoutsOfAmbientAreOrdered(t *testing.T) {
	const top = "../.."
	store := slices.DeleteFunc(read(t), func(d Document) bool { return d.GetKind() == "VirtualService" })
	ambient := func(changes ...Change) Documents {
		own, err := Read(filepath.Join(dir, "components", "ambient"), changes...)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(store, own)
	}
	if err := ambient().CheckTimeouts(top); err != nil {
		t.Fatal(err)
	}
	const graphql = "value: /graphql}\n      backendRefs: [{name: api-gateway, port: 8080}]\n      timeouts: {request: 30s"
	for name, wrong := range map[string]fault{
		"GraphQL":  {file: "routes", old: graphql, new: strings.Replace(graphql, "30s", "14s", 1), said: "rule 2 of api-gateway waits 14s; the router takes up to 14s"},
		"none":     {file: "routes", old: graphql + "}", new: strings.Replace(graphql, "      timeouts: {request: 30s", "", 1), said: "rule 2 of api-gateway waits 0s"},
		"attempt":  {file: "routes", old: graphql, new: graphql + ", backendRequest: 10s", said: "an attempt of rule 2 of api-gateway waits 10s"},
		"streams":  {file: "routes", old: "timeouts: {request: 0s}", new: "timeouts: {request: 30s}", said: "rule 1 of api-gateway ends streams after 30s"},
		"pictures": {file: "routes", old: "product-service, port: 8080}]\n      timeouts: {request: 10s}", new: "product-service, port: 8080}]\n      timeouts: {request: 1s}", said: "product-service takes"},
		"pages":    {file: "routes", old: "value: /}\n      backendRefs: [{name: api-gateway, port: 8080}]\n      timeouts: {request: 10s}", new: "value: /}\n      backendRefs: [{name: api-gateway, port: 8080}]\n      timeouts: {request: 1s}", said: "a page takes"},
	} {
		wrong.noticed(t, name, ambient(Change{File: wrong.file, Old: wrong.old, New: wrong.new}).CheckTimeouts(top))
	}
}

// A REST request waits for one subgraph after the other.
func TestStepsOfRequestsAreCounted(t *testing.T) {
	graph, err := read(t).supergraph(routerTimeouts{all: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/api/products": 2, "/api/categories": 1, "/api/login": 1, "/api/me": 1, "/api/notifications": 1, "/graphql": 0} {
		if got := graph.longest(path); got != time.Duration(want)*time.Second {
			t.Errorf("%s: got %s, want %d steps", path, got, want)
		}
	}
}

// A statement of SQL ends before the caller of its service gives up.
func TestStatementsEndBeforeCalls(t *testing.T) {
	const top = "../.."
	slow := t.TempDir()
	for _, file := range []string{"subgraphs/internal/peer/peer.go", "subgraphs/order/checkout/service.go", "subgraphs/internal/database/timeout.go", "docs/router.yaml"} {
		text, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "statementTimeout = 2 * time.Second", "statementTimeout = 3 * time.Second", 1)
		to := filepath.Join(slow, file)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := read(t).CheckTimeouts(slow)
	if err == nil || !strings.Contains(err.Error(), "a call of a service waits 2.5s; a statement of SQL takes up to 3s") {
		t.Errorf("a statement may take longer than a call waits: %v", err)
	}
}
