package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
)

// identities expire when the test decides.
func identities(end <-chan struct{}) func(*config.Config, *gateway.Options) {
	return func(_ *config.Config, o *gateway.Options) {
		o.Lifetime = func(*http.Request) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			select {
			case <-end:
				cancel()
			default:
			}
			go func() {
				select {
				case <-end:
					cancel()
				case <-ctx.Done():
				}
			}()
			return ctx, cancel
		}
	}
}

const expired = `[{"message":"The access token has expired. Subscribe again with a new one.","extensions":{"code":"SUBSCRIPTION_JWT_EXPIRED"}}]`

func TestSocketClosesWhenTheTokenExpires(t *testing.T) {
	end := make(chan struct{})
	f, _, url := startFeed(t, identities(end))
	s := initialised(t, url, `null`)
	s.subscribe("1")
	f.upstream(t, 0).send(t, "1")
	s.want(`{"id":"1","type":"next","payload":{"data":{"count":1}}}`)
	close(end)
	s.want(`{"id":"1","type":"error","payload":` + expired + `}`)
	s.wantClose(4403)
	<-f.upstream(t, 0).closed
}

func TestExpiredCallerCannotRunOperations(t *testing.T) {
	end := make(chan struct{})
	close(end)
	f, _, url := startFeed(t, identities(end))
	dialed := dial(t, url, protocol)
	dialed.send(`{"type":"connection_init"}`)
	dialed.wantClose(4403)
	const mutation = `{"query":"mutation { add(n: 1) }"}`
	s := openStream(t, url, mutation)
	s.want("event: next", `data: {"errors":`+expired+`}`, "event: complete", "data:")
	if f.count() > 0 {
		t.Error("a mutation ran for a caller with an expired token")
	}
}

// A message that arrives at the moment the token expires starts nothing.
func TestSocketStartsNoOperationAfterTheTokenExpires(t *testing.T) {
	var mu sync.Mutex
	var cancels []context.CancelFunc
	f, _, url := startFeed(t, func(_ *config.Config, o *gateway.Options) {
		o.Lifetime = func(*http.Request) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			mu.Lock()
			defer mu.Unlock()
			cancels = append(cancels, cancel)
			return ctx, cancel
		}
	})
	s := initialised(t, url, `null`)
	mu.Lock()
	cancels[0]()
	mu.Unlock()
	// The connection may be closed already.
	_ = s.conn.Write(t.Context(), websocket.MessageText, []byte(`{"id":"1","type":"subscribe","payload":{"query":"mutation { add(n: 1) }"}}`))
	s.wantClose(4403)
	if f.count() > 0 {
		t.Error("a mutation ran for a caller with an expired token")
	}
}

func TestEventStreamEndsWhenTheTokenExpires(t *testing.T) {
	end := make(chan struct{})
	f, _, url := startFeed(t, identities(end))
	s := openStream(t, url, subscription)
	f.upstream(t, 0).send(t, "1")
	s.want("event: next", `data: {"data":{"count":1}}`)
	close(end)
	s.want("event: next", `data: {"errors":`+expired+`}`, "event: complete", "data:")
	s.wantEnd()
	<-f.upstream(t, 0).closed
}

func TestMultipartSubscriptionEndsWhenTheTokenExpires(t *testing.T) {
	end := make(chan struct{})
	f, _, url := startFeed(t, identities(end))
	s := openStream(t, url, subscription, acceptParts)
	f.upstream(t, 0).send(t, "1")
	s.want("--graphql", partType, `{"payload":{"data":{"count":1}}}`)
	close(end)
	s.want("--graphql", partType, `{"payload":null,"errors":`+expired+`}`, "--graphql--")
	s.wantEnd()
}

const (
	acceptParts = `Accept: multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json`
	partType    = "content-type: application/json"
)

// A subscription that the subgraph rejects is a request error: errors without
// data (GraphQL, section 6.2.3.1).
func TestRefusedSubscriptionReportsTheSubgraphErrors(t *testing.T) {
	reasons := &execute.RequestError{Errors: []byte(`[{"message":"not yours","extensions":{"code":"FORBIDDEN"}}]`)}
	const want = `[{"message":"not yours","extensions":{"code":"FORBIDDEN","service":"a"}}]`
	f, _, url := startFeed(t, func(c *config.Config, _ *gateway.Options) { c.IncludeErrors.All = true })
	s := initialised(t, url, `null`)
	s.subscribe("1")
	f.upstream(t, 0).end <- reasons
	s.want(`{"id":"1","type":"error","payload":` + want + `}`)

	events := openStream(t, url, subscription)
	f.upstream(t, 1).end <- reasons
	events.want("event: next", `data: {"errors":`+want+`}`, "event: complete", "data:")
	events.wantEnd()

	parts := openStream(t, url, subscription, acceptParts)
	f.upstream(t, 2).end <- reasons
	parts.want("--graphql", partType, `{"payload":{"errors":`+want+`}}`, "--graphql--")
	parts.wantEnd()
}

// The subgraph's messages are hidden as for queries; the code is not.
func TestRefusedSubscriptionHidesTheSubgraph(t *testing.T) {
	f, _, url := startFeed(t, nil)
	s := initialised(t, url, `null`)
	s.subscribe("1")
	f.upstream(t, 0).end <- &execute.RequestError{Errors: []byte(`[{"message":"secret","extensions":{"code":"FORBIDDEN","stack":"secret"}}]`)}
	s.want(`{"id":"1","type":"error","payload":[{"message":"A subgraph reported an error.","extensions":{"code":"FORBIDDEN"}}]}`)
}

func TestLostSubscriptionEndsWithAnError(t *testing.T) {
	lost := &execute.TransportError{Code: execute.CodeHTTP, Message: "lost the subscription", Err: errors.New("secret address")}
	const want = `[{"message":"Subgraph \"a\" lost the subscription.","extensions":{"code":"SUBREQUEST_HTTP_ERROR","service":"a"}}]`
	f, _, url := startFeed(t, nil)
	s := initialised(t, url, `null`)
	s.subscribe("1")
	f.upstream(t, 0).end <- lost
	s.want(`{"id":"1","type":"error","payload":` + want + `}`)

	parts := openStream(t, url, subscription, acceptParts)
	f.upstream(t, 1).end <- lost
	parts.want("--graphql", partType, `{"payload":null,"errors":`+want+`}`, "--graphql--")
	parts.wantEnd()
}

// The payload of connection_init may set only the listed headers, and none that
// the handshake had.
func TestInitPayloadHeadersReachSubgraphs(t *testing.T) {
	for _, c := range []struct {
		name      string
		configure func(*config.Config)
		handshake http.Header
		payload   string
		want      map[string]string
	}{
		{
			name: "only listed headers", payload: `{"Authorization":"Bearer a","X-Forwarded-For":"1.2.3.4","X-User":"admin"}`,
			want: map[string]string{"Authorization": "Bearer a", "X-Forwarded-For": "", "X-User": ""},
		},
		{
			name: "case-insensitive names, in headers", payload: `{"headers":{"aUTHORIZATION":"Bearer a","x-user":"admin"}}`,
			want: map[string]string{"Authorization": "Bearer a", "X-User": ""},
		},
		{
			name: "the handshake's header is kept", handshake: http.Header{"Authorization": {"Bearer ingress"}}, payload: `{"Authorization":"Bearer a"}`,
			want: map[string]string{"Authorization": "Bearer ingress"},
		},
		{
			name: "an empty header of the handshake is kept", handshake: http.Header{"Authorization": {""}}, payload: `{"Authorization":"Bearer a"}`,
			want: map[string]string{"Authorization": ""},
		},
		{
			name: "unless configured", configure: func(c *config.Config) { c.Subscriptions.InitOverrides = true },
			handshake: http.Header{"Authorization": {"Bearer ingress"}}, payload: `{"Authorization":"Bearer a"}`,
			want: map[string]string{"Authorization": "Bearer a"},
		},
		{
			name: "another list", configure: func(c *config.Config) { c.Subscriptions.InitHeaders = []string{"x-user"} },
			payload: `{"Authorization":"Bearer a","X-User":"u"}`,
			want:    map[string]string{"Authorization": "", "X-User": "u"},
		},
		{
			name: "a name in two spellings", payload: `{"authorization":"Bearer b","Authorization":"Bearer a"}`,
			want: map[string]string{"Authorization": "Bearer a,Bearer b"},
		},
		{name: "null", payload: `{"Authorization":null}`, want: map[string]string{"Authorization": ""}},
		{name: "an empty string", payload: `{"Authorization":""}`, want: map[string]string{"Authorization": ""}},
		{name: "no payload", payload: `null`, want: map[string]string{"Authorization": ""}},
		{name: "unlisted members of any type", payload: `{"X-User":7,"nested":{"a":[]}}`, want: map[string]string{"Authorization": "", "X-User": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _, url := startFeed(t, func(into *config.Config, _ *gateway.Options) {
				if c.configure != nil {
					c.configure(into)
				}
			})
			s := dialWith(t, url, c.handshake, protocol)
			s.send(`{"type":"connection_init","payload":` + c.payload + `}`)
			s.want(`{"type":"connection_ack"}`)
			s.subscribe("1")
			got := f.upstream(t, 0).request.Header
			for name, want := range c.want {
				if strings.Join(got[name], ",") != want {
					t.Errorf("%s = %q, want %q", name, got[name], want)
				}
			}
		})
	}
}

// A client that sends credentials in a form that no header can have is rejected
// instead of becoming anonymous.
func TestInvalidInitPayloadHeadersAreRejected(t *testing.T) {
	for name, payload := range map[string]string{
		"a number":                            `{"Authorization":7}`,
		"a list":                              `{"Authorization":["Bearer a"]}`,
		"an object":                           `{"headers":{"authorization":{"token":"a"}}}`,
		"a boolean":                           `{"Authorization":false}`,
		"a string with a line break":          `{"Authorization":"Bearer a\r\nX-User: admin"}`,
		"a payload that is a string":          `"Bearer a"`,
		"a payload that is a list":            `[{"Authorization":"Bearer a"}]`,
		"two spellings with different values": `{"Authorization":"Bearer a","authorization":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, _, url := startFeed(t, func(*config.Config, *gateway.Options) {})
			s := dialWith(t, url, nil, protocol)
			s.send(`{"type":"connection_init","payload":` + payload + `}`)
			s.wantClose(4403)
		})
	}
}
