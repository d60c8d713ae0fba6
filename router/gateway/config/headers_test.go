package config_test

import (
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

func none(string) (string, bool) { return "", false }

// The HTTP client sets the headers that frame a request: a second value could
// make the subgraph read a different request.
func TestReservedHeadersAreRejected(t *testing.T) {
	for _, name := range []string{
		"Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
		"Upgrade", "HTTP2-Settings", "Expect", "Content-Encoding", "Proxy-Authorization", "not a name",
	} {
		for key, text := range map[string]string{
			"headers.all.set." + name:          "headers: {all: {set: {\"" + name + "\": \"1\"}}}",
			"headers.subgraphs.a.set." + name:  "headers: {subgraphs: {a: {set: {\"" + name + "\": \"1\"}}}}",
			"headers.all.propagate[1]":         "headers: {all: {propagate: [X-A, \"" + name + "\"]}}",
			"headers.subgraphs.b.propagate[0]": "headers: {subgraphs: {a: {}, b: {propagate: [\"" + name + "\"]}}}",
		} {
			_, err := config.Parse([]byte(text), none)
			if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got error %v", text, err)
			}
		}
	}
	for _, text := range []string{
		"headers: {all: {propagate: [Host]}}", "headers: {all: {propagate: [accept-encoding]}}",
		"headers: {all: {set: {Host: \"a b\"}}}", "headers: {all: {set: {Host: \"\"}}}", "headers: {all: {set: {X-A: \"a\\r\\nB: c\"}}}",
	} {
		if _, err := config.Parse([]byte(text), none); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestOtherHeadersAreAccepted(t *testing.T) {
	c, err := config.Parse([]byte(`
headers:
  all:
    propagate: [Authorization, User-Agent, Accept, Content-Type, Cookie, traceparent]
    remove: [Connection]
    set: {Host: "virtual.example:8080", User-Agent: mine/1, Accept: application/json, Content-Type: application/json, Accept-Encoding: identity, Authorization: Basic eDp5}
`), none)
	if err != nil || c.Headers.All.Set["Host"] != "virtual.example:8080" {
		t.Errorf("headers = %v, err = %v", c.Headers, err)
	}
}

func TestUnknownHTTPClientIsRejected(t *testing.T) {
	c, err := config.Parse([]byte("traffic_shaping: {all: {http_client: standard}, subgraphs: {a: {timeout: 1s}, b: {http_client: direct}}}"), none)
	if err != nil || c.TrafficShaping.Of("a").HTTPClient != "standard" || c.TrafficShaping.Of("b").HTTPClient != "direct" {
		t.Errorf("traffic shaping = %+v, err = %v", c.TrafficShaping, err)
	}
	for _, text := range []string{
		"traffic_shaping: {all: {http_client: curl}}", "traffic_shaping: {subgraphs: {a: {http_client: curl}}}",
	} {
		if _, err := config.Parse([]byte(text), none); err == nil || !strings.Contains(err.Error(), "http_client") {
			t.Errorf("%s: got error %v, want one about http_client", text, err)
		}
	}
}

// A subgraph inherits the values it does not set from all, including those
// inside retry and circuit_breaker.
func TestSubgraphTrafficInheritsUnsetFields(t *testing.T) {
	c, err := config.Parse([]byte(`
traffic_shaping:
  all:
    retry: {max_attempts: 4, interval: 1s, max_retry_after: 7s, budget: 0.3}
    circuit_breaker: {min_requests: 9, window: 3s}
  subgraphs:
    a: {retry: {max_attempts: 1}, circuit_breaker: {rest: 1m}}
    b: {circuit_breaker: {enabled: false}}
`), none)
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.TrafficShaping.Of("a"), c.TrafficShaping.Of("b")
	if a.Retry != (config.Retry{MaxAttempts: 1, Interval: time.Second, MaxRetryAfter: 7 * time.Second, Budget: 0.3}) {
		t.Errorf("retry of a = %+v", a.Retry)
	}
	if a.CircuitBreaker.Enabled != nil || a.CircuitBreaker.MinRequests != 9 || a.CircuitBreaker.Window != 3*time.Second || a.CircuitBreaker.Rest != time.Minute || a.CircuitBreaker.ErrorThreshold != 0.5 {
		t.Errorf("circuit breaker of a = %+v", a.CircuitBreaker)
	}
	if b.CircuitBreaker.Enabled == nil || *b.CircuitBreaker.Enabled || b.CircuitBreaker.MinRequests != 9 {
		t.Errorf("circuit breaker of b = %+v", b.CircuitBreaker)
	}
}
