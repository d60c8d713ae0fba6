package router_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// The log and the client have the status of a response that is no success, whatever its body is, and the
// log says a cause once.
func TestFailuresOfSubgraphsHaveTheirStatus(t *testing.T) {
	respond := func(status int, media, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		subgraph            http.HandlerFunc
		logged, client, not string
	}{
		"errors":             {respond(413, "application/json", `{"errors":[{"message":"large"}]}`), `"error":"large","status":413`, `"code":"DOWNSTREAM_SERVICE_ERROR","http":{"status":413},"service":"a"`, ""},
		"errors with code":   {respond(500, "application/json", `{"errors":[{"message":"ill","extensions":{"code":"ILL"}}]}`), `"error":"ill","status":500`, `"code":"ILL","http":{"status":500}`, ""},
		"errors, overloaded": {respond(503, "application/json", `{"errors":[{"message":"full"}]}`), `"error":"full","status":503`, `"http":{"status":503}`, ""},
		"member http":        {respond(413, "application/json", `{"errors":[{"message":"large","extensions":{"http":7}}]}`), `"status":413`, `"http":7`, ""},
		"HTML":               {respond(413, "text/html", `<html>`), `"error":"responded with status 413","status":413`, `"code":"SUBREQUEST_HTTP_ERROR","http":{"status":413}`, ""},
		"errors with 200":    {respond(200, "application/json", `{"errors":[{"message":"ill"}]}`), `"error":"ill"`, `"message":"ill"`, `"status"`},
		"no response":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, `"error":"could not be reached: the connection was closed before a response arrived: EOF"`, "before a response arrived.", `"status"`},
	} {
		for _, client := range []string{"direct", "standard"} {
			t.Run(name+", "+client, func(t *testing.T) {
				upstream := httptest.NewServer(c.subgraph)
				defer upstream.Close()
				log := new(lockedBuffer)
				tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: log})
				if err != nil {
					t.Fatal(err)
				}
				settings := config.Default()
				settings.OverrideSubgraphURLs = config.SubgraphURLs{"a": {upstream.URL}}
				settings.IncludeErrors.All, settings.TrafficShaping.All.HTTPClient = true, client
				settings.TrafficShaping.All.Retry.MaxAttempts = 1
				r, err := router.New(t.Context(), settings, router.Options{Supergraph: smallSDL, Telemetry: tel})
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				public := httptest.NewServer(r.Handler())
				defer public.Close()
				_, body := ask(t, "POST", public.URL+"/graphql", `{"query":"{ hello }"}`, posts)
				if !strings.Contains(body, c.client) || c.not != "" && strings.Contains(body, c.not) {
					t.Errorf("the client got %s, want %s, without %s", body, c.client, c.not)
				}
				for line := range strings.Lines(log.String()) {
					if strings.Contains(line, "subgraph error") && (!strings.Contains(line, c.logged) || c.not != "" && strings.Contains(line, c.not)) {
						t.Errorf("the log has %s, want %s, without %s", line, c.logged, c.not)
					}
				}
				if !strings.Contains(log.String(), "subgraph error") {
					t.Error("nothing is logged")
				}
			})
		}
	}
}
