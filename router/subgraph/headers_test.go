package subgraph_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// Rules replace the router's default headers on every kind of transport.
func TestHeaderRulesReplaceDefaults(t *testing.T) {
	rules := []subgraph.HeaderRules{
		{Propagate: []subgraph.Propagation{{From: "User-Agent"}, {From: "Content-Type"}, {From: "X-Client"}}, Set: map[string]string{"Accept": "text/plain", "host": "first.example"}},
		{Remove: []string{"x-client"}, Set: map[string]string{"Host": "virtual.example", "accept": "application/json", "Accept-Encoding": "identity"}},
	}
	overEachTransport(t, func(t *testing.T, over transportKind) {
		var host string
		var header http.Header
		tr := over.transport(t, subgraph.Subgraph{Headers: rules}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			host, header = r.Host, r.Header
			answer(w, 200, "application/json", `{}`)
		})
		r := request(operation.Query, `{}`)
		r.Header = http.Header{"User-Agent": {"browser/1"}, "X-Client": {"1"}}
		resp, err := tr.Send(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Release()
		if host != "virtual.example" {
			t.Errorf("Host = %q", host)
		}
		for name, want := range map[string][]string{
			"User-Agent": {"browser/1"}, "Accept": {"application/json"}, "Content-Type": {"application/json"},
			"Accept-Encoding": {"identity"}, "X-Client": nil, "Host": nil, "X-Idempotency-Key": nil, "Content-Length": {"2"},
		} {
			if !slices.Equal(header[name], want) {
				t.Errorf("%s = %q, want %q", name, header[name], want)
			}
		}
	})
}

func TestRemovedDefaultsAreNotSent(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		var header http.Header
		var host string
		rules := []subgraph.HeaderRules{{Set: map[string]string{"Host": "virtual.example"}}, {Remove: []string{"User-Agent", "Accept", "Accept-Encoding", "Host"}}}
		tr := over.transport(t, subgraph.Subgraph{Headers: rules}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			host, header = r.Host, r.Header
			answer(w, 200, "application/json", `{}`)
		})
		ask(t, tr, operation.Query, `{}`)
		for _, name := range []string{"User-Agent", "Accept", "Accept-Encoding"} {
			if got := header[name]; got != nil {
				t.Errorf("%s = %q, want it removed", name, got)
			}
		}
		if host == "" || host == "virtual.example" {
			t.Errorf("Host = %q", host)
		}
	})
}

// A request has exactly one Host, in first position, and one Content-Length,
// whatever the rules say.
func TestHeadersByPatternAndFromClaims(t *testing.T) { overEachTransport(t, testPatterns) }

type tenant struct{}

func testPatterns(t *testing.T, over transportKind) {
	var got http.Header
	everything := regexp.MustCompile(`(?i)^(?:.*)$`)
	tr := over.transport(t, subgraph.Subgraph{URL: "http://user:password@host", Headers: []subgraph.HeaderRules{{
		PropagateMatching: []*regexp.Regexp{everything},
		RemoveMatching:    []*regexp.Regexp{regexp.MustCompile("^X-Internal-")},
		SetFromClaims:     map[string]string{"x-tenant": "tenant", "x-user": "sub", "x-broken": "broken"},
		Claim: func(ctx context.Context, name string) string {
			if name == "broken" {
				return "a\nb"
			}
			value, _ := ctx.Value(tenant{}).(string)
			return map[string]string{"tenant": value}[name]
		},
	}}}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		answer(w, 200, "application/json", `{"data":null}`)
	})
	r := request(operation.Query, `{}`)
	r.Header = http.Header{
		"X-Shop": {"1", "2"}, "X-Internal-Role": {"admin"}, "X-User": {"forged"}, "X-Tenant": {"forged"}, "X-Broken": {"forged"}, "User-Agent": {"client"},
		"Authorization": {"Bearer client"}, "Connection": {"X-Shop"}, "Te": {"trailers"}, "Host": {"client"}, "Content-Type": {"text/plain"}, "Accept": {"text/html"},
		"Accept-Encoding": {"deflate"}, "Content-Length": {"7"}, "Traceparent": {"00-1-2-03"}, "Not A Name": {"1"}, "If-None-Match": {"*"}, "Souk-Expose-Token": {"secret"},
	}
	resp, err := tr.Send(context.WithValue(t.Context(), tenant{}, "seven"), r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Release()
	for name, want := range map[string][]string{
		"X-Shop": {"1", "2"}, "X-Internal-Role": nil, "X-User": nil, "X-Tenant": {"seven"}, "X-Broken": nil, "User-Agent": {"client"},
		"Authorization": {"Basic dXNlcjpwYXNzd29yZA=="}, "Te": nil, "Content-Type": {"application/json"}, "Accept-Encoding": {"gzip, br, zstd"},
		"Accept": {"application/graphql-response+json, application/json;q=0.9"}, "Traceparent": nil, "Not A Name": nil, "If-None-Match": nil, "Souk-Expose-Token": nil,
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("header %s = %q, want %q", name, got[name], want)
		}
	}
}

func TestHostAndContentLengthAreSentOnce(t *testing.T) {
	overHTTP1(t, func(t *testing.T, over transportKind) {
		for _, rules := range [][]subgraph.HeaderRules{
			nil,
			{{Set: map[string]string{"Host": "virtual.example", "User-Agent": "mine/1"}}},
			{{Set: map[string]string{"Host": "virtual.example"}}, {Remove: []string{"Host"}}},
			{{Propagate: []subgraph.Propagation{{From: "User-Agent"}, {From: "Cookie"}}}},
		} {
			lines := make(chan []string, 1)
			tr := over.serve(t, subgraph.Subgraph{Headers: rules}, func(conn net.Conn, r *bufio.Reader) {
				var head []string
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if line = strings.TrimSuffix(line, "\r\n"); line == "" {
						break
					}
					head = append(head, line)
				}
				_, _ = r.Discard(2)
				lines <- head
				_, _ = io.WriteString(conn, ok)
			})
			r := request(operation.Query, `{}`)
			r.Header = http.Header{"User-Agent": {"browser/1"}, "Cookie": {"a=b"}}
			resp, err := tr.Send(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Release()
			count := map[string]int{}
			head := <-lines
			for _, line := range head[1:] {
				name, _, _ := strings.Cut(line, ":")
				count[strings.ToLower(name)]++
			}
			for name, n := range count {
				if n != 1 {
					t.Errorf("%d values of %s in %q", n, name, head)
				}
			}
			if !strings.HasPrefix(head[0], "POST ") || !strings.HasPrefix(head[1], "Host: ") || count["content-length"] != 1 || count["user-agent"] != 1 {
				t.Errorf("got head %q", head)
			}
		}
	})
}

func TestNewRejectsReservedAndInvalidHeaders(t *testing.T) {
	for _, rules := range []subgraph.HeaderRules{
		{Set: map[string]string{"Content-Length": "3"}},
		{Set: map[string]string{"transfer-encoding": "chunked"}},
		{Set: map[string]string{"X": "a\r\nY: b"}},
		{Set: map[string]string{"X Y": "a"}},
		{Set: map[string]string{"Host": "a/b c"}},
		{Propagate: []subgraph.Propagation{{From: "connection"}}},
		{Propagate: []subgraph.Propagation{{From: "X", To: "Content-Length"}}},
		{Propagate: []subgraph.Propagation{{From: "Host"}}},
		{Propagate: []subgraph.Propagation{{From: "Accept-Encoding"}}},
	} {
		_, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": {URL: "http://a/", Headers: []subgraph.HeaderRules{rules}}}})
		if err == nil || !strings.Contains(err.Error(), `header "`) {
			t.Errorf("%+v: got error %v", rules, err)
		}
	}
}

// A user name and password in the URL are sent as Basic authentication (RFC
// 7617). They replace the client's token but not a configured header.
func TestURLCredentialsAreSentAsBasicAuth(t *testing.T) {
	propagated := subgraph.HeaderRules{Propagate: []subgraph.Propagation{{From: "Authorization"}}}
	tests := []struct {
		url   string
		rules []subgraph.HeaderRules
		want  string
	}{
		{url: "http://ada:p%40ss@x/", want: "Basic YWRhOnBAc3M="},
		{url: "http://ada@x/", want: "Basic YWRhOg=="},
		{url: "http://ada:p%40ss@x/", rules: []subgraph.HeaderRules{propagated, {Remove: []string{"Authorization"}}}, want: "Basic YWRhOnBAc3M="},
		{url: "http://ada:p%40ss@x/", rules: []subgraph.HeaderRules{propagated, {Set: map[string]string{"Authorization": "Bearer own"}}}, want: "Bearer own"},
		{url: "http://x/", rules: []subgraph.HeaderRules{propagated}, want: "Bearer client"},
	}
	overEachTransport(t, func(t *testing.T, over transportKind) {
		for _, test := range tests {
			var got []string
			tr := over.transport(t, subgraph.Subgraph{URL: test.url, Headers: test.rules}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
				got = r.Header["Authorization"]
				answer(w, 200, "application/json", `{}`)
			})
			r := request(operation.Query, `{}`)
			r.Header = http.Header{"Authorization": {"Bearer client"}}
			resp, err := tr.Send(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Release()
			if !slices.Equal(got, []string{test.want}) {
				t.Errorf("%s %+v: got %q, want %q", test.url, test.rules, got, test.want)
			}
		}
	})
}

// No error or log line contains a password from a URL, even if the URL is not
// valid.
func TestPasswordIsNotShown(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	shown := func(text string) {
		t.Helper()
		if strings.Contains(text, "s3cret") || strings.Contains(text, "czNjcmV0") {
			t.Error(text)
		}
	}
	for _, url := range []string{"ftp://ada:s3cret@a/", "http://ada:s3cret#@a/", "http://ada:s3cret@a:b/", "http://ada:%zs3cret@a/", "http://ada:s3cret @a/", "ada:s3cret@a"} {
		_, err := subgraph.New(subgraph.Options{Logger: logger, Subgraphs: map[string]subgraph.Subgraph{"a": {URL: url}}})
		if err == nil {
			t.Errorf("%s is accepted", url)
			continue
		}
		shown(err.Error())
	}
	for _, client := range []string{"direct", "standard"} {
		for _, protocol := range []string{"ws", "sse"} {
			tr, err := subgraph.New(subgraph.Options{Logger: logger, Subgraphs: map[string]subgraph.Subgraph{"a": {
				URL: "http://ada:s3cret@127.0.0.1:1/", Client: client,
				Dial:          func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") },
				Breaker:       subgraph.Breaker{Enabled: true, MinRequests: 1},
				Subscriptions: subgraph.Subscriptions{Protocol: protocol, MaxReconnects: -1},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tr.Send(t.Context(), request(operation.Query, `{}`))
			shown(err.Error())
			err = tr.Subscribe(t.Context(), request(operation.Subscription, `{}`), func(*execute.SubgraphResponse) error { return nil })
			shown(err.Error())
			tr.Close()
		}
	}
	shown(log.String())
}

// Subscriptions follow the same rules, including those for Host. They do not ask
// for a content coding, because events are not decoded.
func TestHeaderRulesApplyToSubscriptions(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		var host string
		var header http.Header
		s := subgraph.Subgraph{
			Headers:       []subgraph.HeaderRules{{Set: map[string]string{"Host": "virtual.example", "User-Agent": "mine/1", "Accept-Encoding": "gzip"}}},
			Subscriptions: subgraph.Subscriptions{Protocol: protocol, MaxReconnects: -1},
		}
		tr := transportKinds[0].transport(t, s, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			host, header = r.Host, r.Header
			answer(w, 400, "application/json", `{"errors":[{"message":"no"}]}`)
		})
		if err := tr.Subscribe(t.Context(), request(operation.Subscription, `{}`), func(*execute.SubgraphResponse) error { return nil }); err == nil && protocol == "ws" {
			t.Error("Subscribe() = nil, want an error")
		}
		if host != "virtual.example" || header.Get("User-Agent") != "mine/1" || header.Get("Accept-Encoding") != "" {
			t.Errorf("%s: got Host %q, headers %v", protocol, host, header)
		}
	}
}

func TestSubscriptionURLCredentialsAreSentAsBasicAuth(t *testing.T) {
	for _, protocol := range []string{"ws", "sse"} {
		var user, password string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ = r.BasicAuth()
			answer(w, 400, "application/json", `{"errors":[{"message":"no"}]}`)
		}))
		tr := transportKinds[0].dial(t, subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{
			Protocol: protocol, MaxReconnects: -1, URL: "http://ada:p%40ss@" + server.Listener.Addr().String(),
		}}, subgraph.Hooks{}, "127.0.0.1:1")
		_ = tr.Subscribe(t.Context(), request(operation.Subscription, `{}`), func(*execute.SubgraphResponse) error { return nil })
		server.Close()
		if user != "ada" || password != "p@ss" {
			t.Errorf("%s: got user %q, password %q", protocol, user, password)
		}
	}
}
