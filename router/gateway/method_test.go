package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/gateway"
	"souk/router/gateway/config"
)

func TestQueryMethodRunsOnlySafeOperations(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.HTTP.QueryMethod = true
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 2}
		c.CORS.AllowOrigins = []string{"*"}
	})
	const json = "Content-Type: application/json"
	for _, c := range []struct {
		method, body string
		status       int
		contains     string
	}{
		{method: "QUERY", body: query, status: 200, contains: `{"data":{"hello":"hi"}}`},
		{method: "QUERY", body: `{"query":"mutation { add(n: 1) }"}`, status: 405, contains: "cannot be sent with QUERY"},
		{method: "QUERY", body: `[{"query":"mutation { add(n: 1) }"}]`, status: 200, contains: "cannot be sent with QUERY"},
		{method: "PATCH", body: query, status: 405, contains: "Method PATCH"},
	} {
		got := send(t, c.method, url+"/graphql", c.body, json)
		if got.status != c.status || !strings.Contains(got.body, c.contains) || got.header.Get("Accept-Query") != "application/json" {
			t.Errorf("%s %s: got status %d, headers %v, %s", c.method, c.body, got.status, got.header, got.body)
		}
	}
	if got := send(t, "PATCH", url+"/graphql", query); got.header.Get("Allow") != "GET, POST, PUT, DELETE, QUERY" {
		t.Errorf("Allow = %q", got.header.Get("Allow"))
	}
	if got := send(t, "QUERY", url+"/graphql", "{ hello }", "Content-Type: application/graphql"); got.status != 415 {
		t.Errorf("unsupported media type: got status %d", got.status)
	}
	preflight := send(t, "OPTIONS", url+"/graphql", "", "Origin: https://a.example", "Access-Control-Request-Method: QUERY")
	if got := preflight.header.Get("Access-Control-Allow-Methods"); got != "QUERY" {
		t.Errorf("Access-Control-Allow-Methods = %q", got)
	}
	_, url = start(t, &subgraph{}, nil)
	if got := send(t, "QUERY", url+"/graphql", query, json); got.status != 405 || got.header.Get("Accept-Query") != "" {
		t.Errorf("QUERY while disabled: got status %d", got.status)
	}
}

func TestSlowBodyTimesOut(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Limits.BodyTimeout = 10 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	answer := bufio.NewReader(conn)
	response, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusRequestTimeout || !response.Close || !strings.Contains(string(body), "within 10ms") {
		t.Errorf("got status %d, %s, err %v", response.StatusCode, body, err)
	}
	if _, err := answer.ReadByte(); err == nil {
		t.Error("the connection stays open")
	}
}

// The timeout ends neither a slow response nor a second request on the same
// connection.
func TestBodyTimeoutCoversOnlyTheBody(t *testing.T) {
	const timeout = 20 * time.Millisecond
	s := &subgraph{hold: make(chan struct{}, 1)}
	_, url := start(t, s, func(c *config.Config, _ *gateway.Options) { c.Limits.BodyTimeout = timeout })
	for range 2 {
		time.AfterFunc(2*timeout, func() { s.hold <- struct{}{} })
		if got := send(t, "POST", url+"/graphql", query); got.status != 200 || !strings.Contains(got.body, "hi") {
			t.Errorf("got status %d, %s", got.status, got.body)
		}
	}
}
