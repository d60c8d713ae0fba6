package router_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// TestClientThatConnectsTooFastIsReset checks that limits.http_connection_rate cuts off a
// client, unless it is a trusted proxy.
func TestClientThatConnectsTooFastIsReset(t *testing.T) {
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":{"hello":"hi"}}`))
	}))
	defer subgraph.Close()
	const most = 500
	for _, c := range []struct {
		name    string
		trusted []string
		reset   bool
	}{
		{name: "client", reset: true},
		{name: "trusted proxy", trusted: []string{"127.0.0.0/8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			address, stop, _ := listenAndServe(t, subgraph.URL, func(to *config.Config) {
				to.Limits.ConnectionRate, to.ClientAddress.TrustedProxies = 1, c.trusted
			})
			defer stop()
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			served := 0
			for served < most {
				if _, body, err := post(t.Context(), client, "http://"+address, strings.NewReader(`{"query":"{ hello }"}`)); err != nil || !strings.Contains(body, "hi") {
					break
				}
				served++
			}
			if served == 0 || c.reset != (served < most) {
				t.Errorf("%d of %d connections were served; reset = %v, want %v", served, most, served < most, c.reset)
			}
		})
	}
}
