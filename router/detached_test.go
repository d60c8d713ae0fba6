package router_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"souk/internal/loopback/loopbacktest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/router/internal/certtest"
	"souk/telemetry"
)

// A ticking subgraph sends each tick to its one subscriber, and completes the subscription at the
// end of the ticks.
type ticking struct {
	ticks chan int
	open  atomic.Int32
	hello http.HandlerFunc // serves queries
}

func (s *ticking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if body, _ := io.ReadAll(r.Body); bytes.Contains(body, []byte("hello")) {
		s.hello(w, r)
		return
	}
	s.open.Add(1)
	defer s.open.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case n := <-s.ticks:
			if n == 0 {
				fmt.Fprint(w, "event: complete\ndata:\n\n")
				return
			}
			fmt.Fprintf(w, "event: next\ndata: {\"data\":{\"ticks\":%d}}\n\n", n)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// A serving router listens on real ports.
type serving struct {
	subgraph       *ticking
	address, admin string
	accessLog      *lockedBuffer
	stop           func()
	ended          chan error
	middleware     []func(http.Handler) http.Handler
	tls            *tls.Config // of clients; nil without TLS
}

// serveTicks serves a router whose access log is on, and which has room for one stream.
func serveTicks(t *testing.T, s *serving, configure func(*config.Config)) *serving {
	t.Helper()
	s.subgraph, s.accessLog, s.ended = &ticking{ticks: make(chan int)}, new(lockedBuffer), make(chan error, 1)
	upstream := httptest.NewServer(s.subgraph)
	t.Cleanup(func() { upstream.CloseClientConnections(); upstream.Close() })
	var log lockedBuffer
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: &log})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	s.admin = loopbacktest.Address(t)
	c.Listen, c.Admin.Listen = "127.0.0.1:0", s.admin
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {upstream.URL}}
	c.Subscriptions.All.Protocol, c.Subscriptions.MaxConnections = "sse", 1
	c.Telemetry.AccessLog.Enabled = true
	if configure != nil {
		configure(&c)
	}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: ticksSDL, Telemetry: tel, AccessLog: s.accessLog, Extensions: router.Extensions{Middleware: s.middleware}})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ended <- r.Serve(ctx)
	}()
	t.Cleanup(func() {
		s.stop()
		<-served
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	listens := regexp.MustCompile(`"address":"([^"]+)"`)
	eventually(t, func() bool { return listens.MatchString(log.String()) })
	s.address = listens.FindStringSubmatch(log.String())[1]
	return s
}

// A listener is a client's end of a stream.
type listener struct {
	conn     net.Conn
	in       *bufio.Reader
	response *http.Response
}

// protocols are what clients accept, and what the router sends first.
var protocols = map[string]struct{ accept, begin string }{
	"event stream": {accept: "text/event-stream", begin: ":\n\n"},
	"multipart":    {accept: "multipart/mixed;subscriptionSpec=1.0", begin: "\r\n--graphql"},
}

// listen opens a stream, with ahead behind the request, and reads how it begins.
func (s *serving) listen(t *testing.T, protocol, ahead string) *listener {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	if s.tls != nil {
		conn = tls.Client(conn, s.tls)
	}
	t.Cleanup(func() { _ = conn.Close() })
	const body = `{"query":"subscription { ticks }"}`
	if _, err := fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s%s", protocols[protocol].accept, len(body), body, ahead); err != nil {
		t.Fatal(err)
	}
	l := &listener{conn: conn, in: bufio.NewReader(conn)}
	if l.response, err = http.ReadResponse(l.in, nil); err != nil {
		t.Fatal(err)
	}
	if l.response.StatusCode == http.StatusOK {
		l.expect(t, protocols[protocol].begin)
	}
	return l
}

// expect reads the stream up to a text.
func (l *listener) expect(t *testing.T, text string) {
	t.Helper()
	var got []byte
	one := make([]byte, 1)
	for !strings.HasSuffix(string(got), text) {
		if _, err := l.response.Body.Read(one); err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, one[0])
	}
}

// rest reads what is left. It fails if the response is not complete.
func (l *listener) rest(t *testing.T) string {
	t.Helper()
	text, err := io.ReadAll(l.response.Body)
	if err != nil {
		t.Errorf("the response ends with %q and %v", text, err)
	}
	return string(text)
}

// metric returns the value of a time series.
func (s *serving) metric(t *testing.T, series string) string {
	t.Helper()
	response, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			return value
		}
	}
	return ""
}

// line returns the line of the access log, which must be the only one.
func (s *serving) line(t *testing.T) (line struct {
	Status int
	Bytes  int    `json:"response_bytes"`
	Type   string `json:"operation_type"`
}) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(s.accessLog.String(), "\n") })
	if err := json.Unmarshal([]byte(s.accessLog.String()), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

const (
	activePosts = `http_server_active_requests{http_request_method="POST"}`
	servedPosts = `http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="200",http_route="/graphql"}`
)

// A stream that outlives its handler is a request in progress until it ends.
func TestStreamsAreRequestsUntilTheyEnd(t *testing.T) {
	for protocol := range protocols {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/TLS %t", protocol, secure), func(t *testing.T) {
				authority, s := certtest.New(t), new(serving)
				own := authority.Issue(t, t.TempDir(), "router")
				if secure {
					s.tls = &tls.Config{RootCAs: authority.Pool(t), ServerName: "127.0.0.1"}
				}
				serveTicks(t, s, func(c *config.Config) {
					if secure {
						c.TLS.CertFile, c.TLS.KeyFile = own.Cert, own.Key
					}
				})
				l := s.listen(t, protocol, "")
				if got := l.response.TransferEncoding; len(got) != 1 || got[0] != "chunked" || !l.response.Close {
					t.Errorf("the response has transfer coding %q, close %t", got, l.response.Close)
				}
				s.subgraph.ticks <- 1
				l.expect(t, `{"ticks":1}`)
				if active, served := s.metric(t, activePosts), s.metric(t, servedPosts); active != "1" || served != "" || s.accessLog.String() != "" {
					t.Errorf("while the stream is open: %s requests are active, %s are served, log %q", active, served, s.accessLog)
				}
				if again := s.listen(t, protocol, ""); again.response.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("a second stream has status %d", again.response.StatusCode)
				}
				s.line(t) // that of the second one, which is written behind its response
				s.accessLog.reset()
				s.subgraph.ticks <- 2
				s.subgraph.ticks <- 0
				rest := l.rest(t)
				if !strings.Contains(rest, `{"ticks":2}`) {
					t.Errorf("the stream ends with %q", rest)
				}
				if line := s.line(t); line.Status != 200 || line.Bytes < len(rest) || line.Type != "subscription" {
					t.Errorf("the access log says %+v", line)
				}
				eventually(t, func() bool { return s.metric(t, activePosts) == "0" })
				if served := s.metric(t, servedPosts); served != "1" {
					t.Errorf("%s requests are served", served)
				}
				eventually(t, func() bool { return s.listen(t, protocol, "").response.StatusCode == http.StatusOK })
			})
		}
	}
}

// A client that sends something during a stream gets its end, and the connection is not reset.
func TestWhatClientsSendDoesNotResetTheirStreams(t *testing.T) {
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := serveTicks(t, new(serving), nil)
			l := s.listen(t, protocol, "GET /")
			if _, err := l.conn.Write(make([]byte, 3000)); err != nil {
				t.Fatal(err)
			}
			s.subgraph.ticks <- 1
			s.subgraph.ticks <- 0
			if rest := l.rest(t); !strings.Contains(rest, `{"ticks":1}`) {
				t.Errorf("the stream ends with %q", rest)
			}
			if rest, err := io.ReadAll(l.in); err != nil || len(rest) > 0 {
				t.Errorf("got %q after the response, err %v, want the end of the connection", rest, err)
			}
		})
	}
}

// A client that leaves ends its stream, even if it has sent something ahead: a write tells then.
func TestClientsThatLeaveEndTheirStreams(t *testing.T) {
	for name, ahead := range map[string]string{"silent": "", "sent ahead": "GET /graphql HTTP/1.1\r\nHost: x\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			s := serveTicks(t, new(serving), func(c *config.Config) { c.Subscriptions.Heartbeat = 20 * time.Millisecond })
			l := s.listen(t, "event stream", ahead)
			eventually(t, func() bool { return s.subgraph.open.Load() == 1 })
			_ = l.conn.Close()
			eventually(t, func() bool { return s.subgraph.open.Load() == 0 && s.metric(t, activePosts) == "0" })
		})
	}
}

// A router that stops ends streams in order, without complete, and so does not wait for the client.
func TestStopEndsStreamsInOrder(t *testing.T) {
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := serveTicks(t, new(serving), func(c *config.Config) { c.Subscriptions.DrainPeriod = 10 * time.Millisecond })
			l := s.listen(t, protocol, "")
			s.subgraph.ticks <- 1
			l.expect(t, `{"ticks":1}`)
			s.stop()
			if rest := l.rest(t); strings.Contains(rest, "complete") || strings.Contains(rest, "graphql--") {
				t.Errorf("the stream ends with %q", rest)
			}
			if err := <-s.ended; err != nil {
				t.Error(err)
			}
			if line := s.line(t); line.Status != 200 {
				t.Errorf("the access log says %+v", line)
			}
		})
	}
}

// Middleware of the program sees a stream from its beginning to its end.
func TestMiddlewareSeesWholeStreams(t *testing.T) {
	returned := make(chan struct{})
	s := serveTicks(t, &serving{middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r)
			if r.URL.Path == "/graphql" {
				close(returned)
			}
		})
	}}}, nil)
	l := s.listen(t, "event stream", "")
	s.subgraph.ticks <- 1
	l.expect(t, `{"ticks":1}`)
	select {
	case <-returned:
		t.Error("the handler has returned while the stream is open")
	default:
	}
	s.subgraph.ticks <- 0
	l.rest(t)
	<-returned
	if l.response.Close {
		t.Error("the connection cannot be used again")
	}
}
