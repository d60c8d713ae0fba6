package router_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/http1"
)

const (
	itemsA = `type Query { items: [Item!]! } type Item @key(fields: "id") { id: ID! name: String! }`
	itemsB = `type Item @key(fields: "id") { id: ID! price: Int tag: String! }`
	// itemsQuery has no field that must not be null in the last fetch, and tagsQuery has one.
	itemsQuery = `{"query":"{ items { id name price } }"}`
	tagsQuery  = `{"query":"{ items { id tag } }"}`
	// itemCount is the number of items in a response.
	itemCount = 200
)

// An itemStore responds to subgraph b with prices, of which the second half waits for the test.
type itemStore struct {
	header http.Header
	// first is what comes before the entities. entities are all of them, and last follows.
	first    string
	entities []string
	last     string
	// abort breaks the response off in place of the second half.
	abort bool
	// begun is closed when a request has arrived, and the second half is sent when rest is closed. canceled is
	// closed if the router leaves before.
	begun, rest, canceled chan struct{}
	requests              atomic.Int32
}

func newItemStore() *itemStore {
	s := &itemStore{first: `{"data":{"_entities":[`, last: `]}}`, begun: make(chan struct{}), rest: make(chan struct{}), canceled: make(chan struct{})}
	for i := range itemCount {
		s.entities = append(s.entities, fmt.Sprintf(`{"price":%d,"tag":"t"}`, i))
	}
	return s
}

func (s *itemStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	maps.Copy(w.Header(), s.header)
	if r.URL.Path == "/a" {
		items := make([]string, itemCount)
		for i := range items {
			items[i] = fmt.Sprintf(`{"__typename":"Item","id":"%d","name":"item %d"}`, i, i)
		}
		fmt.Fprintf(w, `{"data":{"items":[%s]}}`, strings.Join(items, ","))
		return
	}
	half := len(s.entities) / 2
	fmt.Fprint(w, s.first+strings.Join(s.entities[:half], ",")+",")
	_ = http.NewResponseController(w).Flush()
	if s.requests.Add(1) == 1 {
		close(s.begun)
	}
	select {
	case <-s.rest:
	case <-r.Context().Done():
		close(s.canceled)
		return
	}
	if s.abort {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprint(w, strings.Join(s.entities[half:], ",")+s.last)
}

// streamAll lets responses of any size be streamed at once.
func streamAll(c *config.Config) {
	c.TrafficShaping.Router.StreamResponses = config.StreamResponses{Enabled: true}
	c.TrafficShaping.All.Retry.MaxAttempts = 1
}

// itemsResponse returns the response to itemsQuery with prices that null or a number.
func itemsResponse(price func(i int) string) string {
	items := make([]string, itemCount)
	for i := range items {
		items[i] = fmt.Sprintf(`{"id":"%d","name":"item %d","price":%s}`, i, i, price(i))
	}
	return `{"items":[` + strings.Join(items, ",") + `]}`
}

// openStream sends a query and returns the response, whose body the caller reads.
func openStream(t *testing.T, client *http.Client, url, query string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range append(headers, posts) {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// readHalf reads a response up to an item that the first half of the last subgraph response has.
func readHalf(t *testing.T, body io.Reader) []byte {
	t.Helper()
	var got []byte
	reader := bufio.NewReader(body)
	for !bytes.Contains(got, fmt.Appendf(nil, `"price":%d}`, itemCount/2-2)) {
		b, err := reader.ReadByte()
		if err != nil {
			t.Fatalf("after %s: %v", got, err)
		}
		got = append(got, b)
	}
	rest := make([]byte, reader.Buffered())
	_, _ = io.ReadFull(reader, rest)
	return append(got, rest...)
}

// A client reads the first half of a response before the last subgraph has sent the second one.
func TestResponseIsStreamed(t *testing.T) {
	want := `{"data":` + itemsResponse(func(i int) string { return fmt.Sprint(i) }) + `}`
	for name, serve := range map[string]func(*testing.T, http.Handler) (*http.Client, string){
		"HTTP/1.1 of net/http": func(t *testing.T, h http.Handler) (*http.Client, string) {
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			return server.Client(), server.URL
		},
		"HTTP/1.1": func(t *testing.T, h http.Handler) (*http.Client, string) {
			server := httptest.NewUnstartedServer(h)
			own := http1.New(server.Config)
			served := make(chan error)
			go func() { served <- own.Serve(server.Listener) }()
			t.Cleanup(func() { server.Listener.Close(); <-served })
			return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://" + server.Listener.Addr().String()
		},
		"HTTP/2": func(t *testing.T, h http.Handler) (*http.Client, string) {
			server := httptest.NewUnstartedServer(h)
			server.EnableHTTP2 = true
			server.StartTLS()
			t.Cleanup(server.Close)
			return server.Client(), server.URL
		},
	} {
		for _, coding := range []string{"identity", "gzip"} {
			t.Run(name+", "+coding, func(t *testing.T) {
				store := newItemStore()
				client, url := serve(t, openRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, streamAll))
				response := openStream(t, client, url, itemsQuery, "Accept-Encoding: "+coding)
				if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json; charset=utf-8" || response.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("status %d, header %v", response.StatusCode, response.Header)
				}
				body := io.Reader(response.Body)
				if coding == "gzip" {
					var err error
					if body, err = gzip.NewReader(response.Body); err != nil {
						t.Fatal(err)
					}
				}
				got := readHalf(t, body)
				close(store.rest)
				rest, err := io.ReadAll(body)
				if got = append(got, rest...); err != nil || string(got) != want {
					t.Errorf("%v, got %s", err, got)
				}
			})
		}
	}
}

// The first half of a response is sent although it has arrived in less time than stream_responses.after, if the
// second half does not follow.
func TestStalledResponseIsStreamed(t *testing.T) {
	store := newItemStore()
	url := serveRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, func(c *config.Config) {
		streamAll(c)
		c.TrafficShaping.Router.StreamResponses.After = 20 * time.Millisecond
	})
	response := openStream(t, http.DefaultClient, url, itemsQuery, "Accept-Encoding: identity")
	got := readHalf(t, response.Body)
	close(store.rest)
	rest, err := io.ReadAll(response.Body)
	if want := `{"data":` + itemsResponse(func(i int) string { return fmt.Sprint(i) }) + `}`; err != nil || string(got)+string(rest) != want {
		t.Errorf("%v, got %s%s", err, got, rest)
	}
}

// Whatever the last subgraph does wrong after a part of the response was sent, the response is JSON, with the
// entities that have arrived, and errors.
func TestStreamedResponseSurvivesFaults(t *testing.T) {
	half := itemCount / 2
	for _, c := range []struct {
		name string
		do   func(*itemStore)
		// The prices of all items up to one from least to most are there, and the response has a code.
		least, most int
		code        string
	}{
		{"broken off", func(s *itemStore) { s.abort = true }, half, half, "SUBREQUEST_HTTP_ERROR"},
		{"invalid", func(s *itemStore) { s.entities[half+10] = `{"price":?}` }, half, half + 10, "SUBREQUEST_MALFORMED_RESPONSE"},
		{"invalid at the end", func(s *itemStore) { s.last = "]}" }, half, itemCount, "SUBREQUEST_MALFORMED_RESPONSE"},
		{"no object", func(s *itemStore) { s.entities[half+10] = `5` }, half, half + 10, "SUBREQUEST_MALFORMED_RESPONSE"},
		{"fewer entities", func(s *itemStore) { s.entities = s.entities[:itemCount-1] }, half - 1, itemCount - 1, "SUBREQUEST_MALFORMED_RESPONSE"},
		{"more entities", func(s *itemStore) { s.entities = append(s.entities, `{"price":1}`) }, half, itemCount, "SUBREQUEST_MALFORMED_RESPONSE"},
		{"an error after the data", func(s *itemStore) {
			s.last = `]},"errors":[{"message":"no price","path":["_entities",150,"price"],"extensions":{"code":"NO_PRICE"}}]}`
		}, itemCount, itemCount, "NO_PRICE"},
		{"an error of all after the data", func(s *itemStore) { s.last = `]},"errors":[{"message":"no","extensions":{"code":"NOTHING"}}]}` }, itemCount, itemCount, "NOTHING"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newItemStore()
			c.do(store)
			url := serveRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, streamAll)
			response := openStream(t, http.DefaultClient, url, itemsQuery, "Accept-Encoding: identity")
			got := make([]byte, 20)
			if _, err := io.ReadFull(response.Body, got); err != nil {
				t.Fatal(err)
			}
			close(store.rest)
			rest, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				Data   json.RawMessage
				Errors []struct{ Extensions struct{ Code string } }
			}
			if err := json.Unmarshal(append(got, rest...), &answer); err != nil {
				t.Fatalf("%v: %s", err, rest)
			}
			there := itemCount - bytes.Count(answer.Data, []byte("null"))
			if there < c.least || there > c.most || string(answer.Data) != itemsResponse(func(i int) string {
				if i < there {
					return fmt.Sprint(i)
				}
				return "null"
			}) || len(answer.Errors) != 1 || answer.Errors[0].Extensions.Code != c.code {
				t.Errorf("got %s", append(got, rest...))
			}
		})
	}
}

// A response that is lost on the way is asked for again, and the client's response goes on.
func TestStreamedResponseIsAskedForAgain(t *testing.T) {
	store := newItemStore()
	store.abort = true
	again := newItemStore()
	close(again.rest)
	attempts := make(chan struct{}, 10)
	url := serveRouter(t, composed(t, itemsA, itemsB), nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b" {
			if attempts <- struct{}{}; len(attempts) > 1 {
				again.ServeHTTP(w, r)
				return
			}
		}
		store.ServeHTTP(w, r)
	}, func(c *config.Config) {
		streamAll(c)
		c.TrafficShaping.All.Retry = config.Default().TrafficShaping.All.Retry
		c.TrafficShaping.All.Retry.Budget = 1
	})
	response := openStream(t, http.DefaultClient, url, itemsQuery, "Accept-Encoding: identity")
	got := readHalf(t, response.Body)
	close(store.rest)
	rest, err := io.ReadAll(response.Body)
	if want := `{"data":` + itemsResponse(func(i int) string { return fmt.Sprint(i) }) + `}`; err != nil || string(got)+string(rest) != want || len(attempts) != 2 {
		t.Errorf("%d attempts, %v, got %s%s", len(attempts), err, got, rest)
	}
}

// A response is sent as a whole if something in it may change, or depends on all of it.
func TestResponseIsNotStreamed(t *testing.T) {
	for _, c := range []struct {
		name, query string
		configure   func(*config.Config)
		do          func(*itemStore)
		headers     []string
	}{
		{name: "disabled", configure: func(c *config.Config) { c.TrafficShaping.Router.StreamResponses.Enabled = false }},
		{name: "small", configure: func(c *config.Config) { c.TrafficShaping.Router.StreamResponses.MinBytes = 64 << 10 }},
		{name: "a field that must not be null", query: tagsQuery},
		{name: "a batch", query: "[" + itemsQuery + "]", configure: func(c *config.Config) { c.HTTP.Batching.Enabled = true }},
		{name: "cacheable", do: func(s *itemStore) { s.header = http.Header{"Cache-Control": {"max-age=60"}} }},
		{name: "errors before the data", do: func(s *itemStore) { s.first = `{"errors":[{"message":"no"}],"data":{"_entities":[` }},
		{name: "status 294", configure: func(c *config.Config) { c.HTTP.PartialSuccessStatus = true }, headers: []string{"Accept: application/graphql-response+json"}},
		{name: "timings", configure: func(c *config.Config) { c.Telemetry.ServerTiming = true }},
		{name: "multipart", headers: []string{"Accept: multipart/mixed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := newItemStore()
			if c.do != nil {
				c.do(store)
			}
			url := serveRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, func(conf *config.Config) {
				streamAll(conf)
				if c.configure != nil {
					c.configure(conf)
				}
			})
			query := c.query
			if query == "" {
				query = itemsQuery
			}
			go func() {
				<-store.begun
				close(store.rest)
			}()
			response := openStream(t, http.DefaultClient, url, query, append(c.headers, "Accept-Encoding: identity")...)
			body, err := io.ReadAll(response.Body)
			if err != nil || !bytes.Contains(body, []byte(`"data":{"items":[{"id":"0"`)) {
				t.Errorf("%v, got %s", err, body)
			}
			if response.ContentLength < 0 && c.name != "multipart" {
				t.Error("the response has no Content-Length")
			}
		})
	}
}

// A response that becomes longer than the limit while it is streamed has an error, and nulls in place of the rest.
func TestStreamedResponseEndsAtTheLimit(t *testing.T) {
	store := newItemStore()
	for i := range store.entities {
		store.entities[i] = fmt.Sprintf(`{"price":%d}`, 1000000000+i)
	}
	whole := len(itemsResponse(func(int) string { return "null" }))
	url := serveRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, func(c *config.Config) {
		streamAll(c)
		c.Limits.MaxResponseBytes = whole + 500
	})
	close(store.rest)
	response := openStream(t, http.DefaultClient, url, itemsQuery, "Accept-Encoding: identity")
	body, err := io.ReadAll(response.Body)
	var answer struct {
		Data   struct{ Items []struct{ Price *int } }
		Errors []struct {
			Path       []any
			Extensions struct{ Code string }
		}
	}
	if err != nil || json.Unmarshal(body, &answer) != nil || len(answer.Errors) != 1 || answer.Errors[0].Extensions.Code != "MAX_RESPONSE_BYTES_LIMIT" {
		t.Fatalf("%v, got %s", err, body)
	}
	if response.ContentLength >= 0 {
		t.Skip("the response has arrived before it could be streamed")
	}
	if items := answer.Data.Items; len(items) != itemCount || items[0].Price == nil || items[itemCount-1].Price != nil {
		t.Errorf("got %s", body)
	}
}

// If the client of a streamed response disconnects, so does the router from the subgraph.
func TestClientLeavesAStreamedResponse(t *testing.T) {
	store := newItemStore()
	url := serveRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, streamAll)
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", strings.NewReader(itemsQuery))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	readHalf(t, response.Body)
	leave()
	if _, err := io.ReadAll(response.Body); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = response.Body.Close()
	<-store.canceled
}

// Identical queries share a response that is streamed to the first client, however slowly that one reads.
func TestStreamedResponseIsShared(t *testing.T) {
	store := newItemStore()
	url := serveRouter(t, composed(t, itemsA, itemsB), nil, store.ServeHTTP, streamAll)
	first := openStream(t, http.DefaultClient, url, itemsQuery, "Accept-Encoding: identity")
	got := readHalf(t, first.Body)
	second := make(chan string)
	go func() {
		r, body := ask(t, "POST", url+"/graphql", itemsQuery, posts)
		second <- fmt.Sprint(r.ContentLength) + body
	}()
	close(store.rest)
	want := `{"data":` + itemsResponse(func(i int) string { return fmt.Sprint(i) }) + `}`
	if other := <-second; !slices.Contains([]string{fmt.Sprint(len(want)) + want, "-1" + want}, other) {
		t.Errorf("got %s", other)
	}
	rest, err := io.ReadAll(first.Body)
	if err != nil || string(got)+string(rest) != want {
		t.Errorf("%v, got %s%s", err, got, rest)
	}
}
