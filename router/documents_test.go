package router_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/redistest"
	"souk/router/gateway/config"
	"souk/router/internal/remote/remotetest"
)

// asks sends a document of a client by its text, its ID, or both, and returns the code of the
// error, or "ok".
func (a *away) asks(client, id, text string) string {
	a.t.Helper()
	body := map[string]any{}
	if text != "" {
		body["query"] = text
	}
	if id != "" {
		body["extensions"] = map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": id}}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(a.t.Context(), http.MethodPost, "/graphql", strings.NewReader(string(encoded)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Apollographql-Client-Name", client)
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	var result struct {
		Errors []struct{ Extensions struct{ Code string } }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil {
		a.t.Fatalf("got %s", w.Body)
	}
	if len(result.Errors) > 0 {
		return result.Errors[0].Extensions.Code
	}
	return "ok"
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

const trusted = `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [
	{"id": "named", "body": "query Named { __typename }", "name": "Named", "type": "query"},
	{"id": "web-only", "body": "query Web { __typename }", "name": "Web", "type": "query", "clientName": "web"}
]}`

// withDocuments starts a router with trusted documents in a file.
func withDocuments(t *testing.T, change func(*config.PersistedDocuments)) (*away, string) {
	t.Helper()
	dir := t.TempDir()
	graph, list := filepath.Join(dir, "supergraph.graphql"), filepath.Join(dir, "documents.json")
	replace(t, graph, productSDL)
	replace(t, list, trusted)
	c := config.Default()
	c.Supergraph.File = graph
	c.PersistedDocuments.Path, c.PersistedDocuments.PollInterval = list, 10*time.Millisecond
	change(&c.PersistedDocuments)
	a, err := startAway(t, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a, list
}

func TestTrustedDocumentsByMode(t *testing.T) {
	const named, other = "query Named { __typename }", "query Other { __typename }"
	for _, c := range []struct {
		name   string
		change func(*config.PersistedDocuments)
		// the results of a trusted document by ID, as text, in another layout, and with both;
		// and of another document
		id, text, layout, both, other string
	}{
		{"allow", func(*config.PersistedDocuments) {}, "ok", "ok", "ok", "ok", "ok"},
		{"log", func(d *config.PersistedDocuments) { d.LogUnknown = true }, "ok", "ok", "ok", "ok", "ok"},
		{"enforce", func(d *config.PersistedDocuments) { d.Require = true }, "ok", "ok", "ok", "ok", "PERSISTED_QUERY_REQUIRED"},
		{
			"enforce IDs", func(d *config.PersistedDocuments) { d.Require, d.RequireID = true, true },
			"ok", "PERSISTED_QUERY_ID_REQUIRED", "PERSISTED_QUERY_ID_REQUIRED", "ok", "PERSISTED_QUERY_REQUIRED",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := withDocuments(t, c.change)
			for _, one := range []struct{ what, client, id, text, want string }{
				{"by ID", "app", "named", "", c.id},
				{"as text", "app", "", named, c.text},
				{"in another layout", "app", "", "# of the app\nquery Named{__typename}", c.layout},
				{"with both", "app", "named", named, c.both},
				{"another document", "app", "", other, c.other},
				{"of this client", "web", "web-only", "", c.id},
				{"of another client", "app", "web-only", "", "PERSISTED_QUERY_NOT_FOUND"},
			} {
				if got := a.asks(one.client, one.id, one.text); got != one.want {
					t.Errorf("%s: got %s, want %s", one.what, got, one.want)
				}
			}
			a.asks("app", "", other)
			logged := strings.Count(a.log.String(), "a client uses a document that is not trusted")
			if want := map[bool]int{true: 2}[c.name == "log"]; logged != want { // the other one, and the ID of another client
				t.Errorf("%d documents are logged, want %d:\n%s", logged, want, a.log)
			}
			metrics := a.request(a.Admin(), "GET", "/metrics", "")
			for _, want := range []string{`documents_total{client="app",result="known"} 4`, `documents_total{client="app",result="unknown"} 3`, `documents_total{client="web",result="known"} 1`} {
				if !strings.Contains(metrics, want) {
					t.Errorf("the metrics lack %s", want)
				}
			}
		})
	}
}

// The clients in metrics are bounded.
func TestClientsInMetricsAreBounded(t *testing.T) {
	a, _ := withDocuments(t, func(*config.PersistedDocuments) {})
	for i := range 60 {
		a.asks(fmt.Sprintf("client-%d", i), "named", "")
	}
	metrics := a.request(a.Admin(), "GET", "/metrics", "")
	if n := strings.Count(metrics, "souk_router_trusted_documents_total{"); n != 51 || !strings.Contains(metrics, `client="_OTHER",result="known"} 10`) {
		t.Errorf("%d time series", n)
	}
}

// Trusted documents are reloaded as a whole. Invalid ones leave the last good ones in use.
func TestTrustedDocumentsAreReloaded(t *testing.T) {
	a, file := withDocuments(t, func(d *config.PersistedDocuments) { d.Require = true })
	state := func(want string) func() bool {
		return func() bool {
			return strings.Contains(a.request(a.Admin(), "GET", "/readyz", ""), `"name":"documents/file","status":"`+want+`"`)
		}
	}
	replace(t, file, `{"next": "query Next { __typename }"}`)
	a.becomes("the new list is in use", func() bool { return a.asks("", "next", "") == "ok" })
	if got := a.asks("", "named", ""); got != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a removed document: got %s", got)
	}
	replace(t, file, `{"next": `)
	a.becomes("the broken list is reported", state("DOWN"))
	if got := a.asks("", "next", ""); got != "ok" {
		t.Errorf("with a broken list: got %s", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	a.becomes("the missing list is reported", state("DOWN"))
	replace(t, file, trusted)
	a.becomes("the list is in use again", func() bool { return a.asks("", "named", "") == "ok" })
	a.becomes("the list is up", state("UP"))
}

// Trusted documents come from the places that supergraphs come from.
func TestTrustedDocumentsFromElsewhere(t *testing.T) {
	r := remotetest.NewRegistry(t)
	r.LogIn(t, true)
	push := func(text string) {
		r.Push(t, "production", remotetest.Layer{MediaType: "application/json", Text: text})
	}
	push(trusted)
	copied := filepath.Join(t.TempDir(), "documents.json")
	from := func(d *config.PersistedDocuments) {
		d.Path, d.Require = "", true
		d.Remote.URL, d.Remote.PlainHTTP, d.Remote.PollInterval, d.Remote.CacheFile = r.URL()+":production", true, 10*time.Millisecond, copied
	}
	a, _ := withDocuments(t, from)
	if got := a.asks("", "named", ""); got != "ok" {
		t.Errorf("got %s", got)
	}
	push(`{"next": "query Next { __typename }"}`)
	a.becomes("the new list is in use", func() bool { return a.asks("", "next", "") == "ok" })
	r.Stop()
	again, _ := withDocuments(t, from)
	if got := again.asks("", "next", ""); got != "ok" || !strings.Contains(again.log.String(), "using the last good ones") {
		t.Errorf("from the copy: got %s", got)
	}
}

// Documents that a client has registered with one router are known to the others. Without Redis,
// each router has its own.
func TestRegisteredDocumentsAreShared(t *testing.T) {
	address := redistest.Start(t)
	start := func(most int) *away {
		a, _ := withDocuments(t, func(d *config.PersistedDocuments) {
			d.Path, d.MaxDocumentBytes, d.Redis.URL, d.Redis.Timeout = "", most, "redis://"+address, 5*time.Second
		})
		return a
	}
	first, second := start(1000), start(1000)
	const text = "query Shared { __typename }"
	if got := first.asks("", hashOf(text), ""); got != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("before it is registered: got %s", got)
	}
	if got := first.asks("", hashOf(text), text); got != "ok" {
		t.Errorf("got %s", got)
	}
	second.becomes("the other router knows the document", func() bool { return second.asks("", hashOf(text), "") == "ok" })

	small := start(10)
	const large = "query TooLarge { __typename }"
	if got := small.asks("", hashOf(large), large); got != "ok" {
		t.Errorf("got %s", got)
	}
	if got := second.asks("", hashOf(large), ""); got != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a document above max_document_bytes: got %s", got)
	}

	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	const wanted = "query Wanted { __typename }"
	if err := client.Set(t.Context(), "souk:documents:"+hashOf(wanted), "query Other { __typename }", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got := second.asks("", hashOf(wanted), ""); got != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a document that is not the one of its hash: got %s", got)
	}
}

// While Redis is away, clients register documents with each router, and get no errors.
func TestDocumentsAreRegisteredWithoutRedis(t *testing.T) {
	a, _ := withDocuments(t, func(d *config.PersistedDocuments) { d.Path, d.Redis.URL = "", "redis://127.0.0.1:1" })
	const text = "query Own { __typename }"
	for i, want := range []string{"PERSISTED_QUERY_NOT_FOUND", "ok", "ok"} {
		given := map[bool]string{true: text}[i == 1]
		if got := a.asks("", hashOf(text), given); got != want {
			t.Errorf("request %d: got %s, want %s", i, got, want)
		}
	}
}
