package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9/logging"

	"souk/loadtest/k6"
)

const top = "../.."

func TestMain(m *testing.M) {
	logging.Disable() // as main does
	os.Exit(m.Run())
}

// Each script runs a few iterations against a store in enforced mode, as in the cluster.
// The test does not check durations.
func TestScriptsPassTheirChecks(t *testing.T) {
	t.Parallel()
	s := beginTest(t, "enforced")
	administrator := "TOKEN=" + logIn(t, s, "admin", "tutorial-admin")
	for script, variables := range map[string][]string{
		"browse": nil, "search": nil, "product": nil, "buy": nil,
		"rest": {administrator}, "shopkeeper": {administrator},
	} {
		t.Run(script, func(t *testing.T) {
			if err := s.runScript(t.Context(), script, variables, "--no-thresholds", "--vus", "1", "--iterations", "3"); err != nil {
				t.Fatal(err)
			}
			checkSummary(t, s, 3)
		})
	}
	t.Run("mixed", func(t *testing.T) {
		if err := s.runScript(t.Context(), "mixed", []string{"RATE=6", "DURATION=1s"}, "--no-thresholds"); err != nil {
			t.Fatal(err)
		}
		checkSummary(t, s, 4)
	})
	// The thresholds fail if the store fails.
	t.Run("failures", func(t *testing.T) {
		if err := s.store.StopService("inventory"); err != nil {
			t.Fatal(err)
		}
		err := s.runScript(t.Context(), "product", nil, "--vus", "1", "--iterations", "3")
		if err == nil || !slices.Contains(summaryOf(t, s).Failed, "graphql_errors: rate<0.001") {
			t.Errorf("without inventory: got error %v, want failed thresholds", err)
		}
	})
}

// quick is the pace of a short form of `make chaos`.
var quick = pace{first: 3 * time.Second, down: time.Second, up: time.Second}

// A short form of `make chaos`.
func TestAuditPassesAfterOutages(t *testing.T) {
	t.Parallel() // most of it is waiting
	s := beginTest(t, "")
	if err := s.runChaos(t.Context(), []string{redisPart, "product", routerPart}, quick, "10s"); err != nil {
		t.Fatal(err)
	}
}

// beginTest starts a store for a load test. It needs k6, which takes minutes to build,
// and skips the test without it.
func beginTest(t *testing.T, auth string) *testRun {
	t.Helper()
	path, err := k6.Find()
	if err != nil {
		t.Fatal(err)
	}
	if path == "" {
		t.Skip("k6 not found: run `make k6`, or set K6 to its path")
	}
	s, err := startRun(t.Context(), testRun{k6: path, top: top, results: t.TempDir(), auth: auth, out: testOutput{t}, skipGracePeriod: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

type testOutput struct{ t *testing.T }

func (o testOutput) Write(p []byte) (int, error) {
	o.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

func summaryOf(t *testing.T, s *testRun) summary {
	t.Helper()
	all, err := readSummary(s.results)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// checkSummary expects at least a number of iterations without a failure.
func checkSummary(t *testing.T, s *testRun, iterations float64) {
	t.Helper()
	metrics := summaryOf(t, s).Metrics
	if metrics["checks"].Values["rate"] != 1 || metrics["http_req_failed"].Values["rate"] != 0 || metrics["graphql_errors"].Values["rate"] != 0 {
		log, _ := os.ReadFile(s.journalPath())
		t.Errorf("got failures: %s", tailOf(string(log)))
	}
	if n := metrics["iterations"].Values["count"]; n < iterations {
		t.Errorf("got %v iterations, want %v", n, iterations)
	}
	page, err := os.ReadFile(filepath.Join(s.results, "summary.html"))
	if err != nil || !bytes.Contains(page, []byte("http_req_duration")) {
		t.Errorf("the report has no durations: %v", err)
	}
}

func logIn(t *testing.T, s *testRun, login, password string) string {
	t.Helper()
	var session struct{ AccessToken string }
	body, err := json.Marshal(map[string]string{"login": login, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	if err := post(t.Context(), s.store.URL("router")+"/api/login", bytes.NewReader(body), &session); err != nil || session.AccessToken == "" {
		t.Fatalf("logging in as %s: %v", login, err)
	}
	return session.AccessToken
}

func post(ctx context.Context, url string, body io.Reader, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return fetch(req, answer)
}
