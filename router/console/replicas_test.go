package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"souk/internal/loopback/loopbacktest"
	"souk/router/gateway/config"
)

type replicas struct {
	Replicas []struct {
		Name     string
		Rate     *float64 `json:"requests_per_second"`
		Bad      *float64 `json:"error_rate"`
		P99      *float64
		Resident *float64 `json:"resident_bytes"`
	}
	Error *string
}

// TestPrometheusThatGivesNoFiguresIsReported: the response is always the JSON of the API, and
// shows nothing of the password in the URL.
func TestPrometheusThatGivesNoFiguresIsReported(t *testing.T) {
	away := "http://" + loopbacktest.Address(t)
	vector := func(value string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"instance":"a"},"value":[1,` + value + `]}]}}`
	}
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  string // in the error; empty for a replica without figures
	}{
		"away":         {want: "connection refused"},
		"slow":         {serve: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, want: "deadline exceeded"},
		"not JSON":     {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, want: "status 200, but not with the JSON"},
		"other JSON":   {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[1]`) }, want: "status 200, but not with the JSON"},
		"empty object": {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }, want: "status 200"},
		"its error": {serve: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"status":"error","error":"out of memory"}`)
		}, want: "status 422: out of memory"},
		"huge": {serve: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(vector(`"1"`) + strings.Repeat(" ", 2<<20)))
		}, want: "more than 1048576 bytes"},
		"broken off": {serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"status":`)
		}, want: "broke off"},
		"infinite":     {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, vector(`"+Inf"`)) }},
		"not a number": {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, vector(`"NaN"`)) }},
		"no string":    {serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, vector(`{"a":1}`)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := away
			if c.serve != nil {
				server := httptest.NewServer(c.serve)
				t.Cleanup(server.Close)
				url = server.URL
			}
			url = strings.Replace(url, "://", "://user:s3cret@", 1)
			s := newShop(t, func(conf *config.Config) { conf.Admin.Console.Prometheus = url })
			got := get[replicas](t, s, "replicas")
			if c.want == "" {
				if got.Error != nil || len(got.Replicas) != 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if got.Error == nil || !strings.Contains(*got.Error, c.want) || strings.Contains(*got.Error, "s3cret") || got.Replicas == nil {
				t.Errorf("%v", *got.Error)
			}
		})
	}
}

// TestReplicasOfRealPrometheus: the queries are valid and name the router's metrics.
func TestReplicasOfRealPrometheus(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed")
	}
	address := loopbacktest.Address(t)
	s := newShop(t, func(c *config.Config) { c.Admin.Console.Prometheus = "http://" + address })
	dir, target := t.TempDir(), strings.TrimPrefix(s.admin, "http://")
	file := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: router, static_configs: [{targets: [%q]}]}]\n", target)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	until(t, func() bool { // without errors, their rate is zero
		s.send(t, manyBody)
		got := get[replicas](t, s, "replicas")
		return len(got.Replicas) == 1 && got.Replicas[0].Bad != nil && *got.Replicas[0].Bad == 0
	})
	until(t, func() bool {
		s.send(t, manyBody)
		s.send(t, `{"query":"query Broken { broken }"}`)
		got := get[replicas](t, s, "replicas")
		if len(got.Replicas) != 1 {
			return false
		}
		r := got.Replicas[0]
		return r.Name == target && r.Rate != nil && *r.Rate > 0 && r.Bad != nil && *r.Bad > 0 && *r.Bad < 1 && r.P99 != nil && *r.P99 > 0 && r.Resident != nil && *r.Resident > 1<<20
	})
}
