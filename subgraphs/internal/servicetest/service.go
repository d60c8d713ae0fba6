// Package servicetest runs a whole service in a test, as its process does:
// with a real Postgres database, miniredis in place of Redis, and requests
// over HTTP. The test's package must call pgtest.Main.
package servicetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
)

// serviceToken is the token that the services under test share.
const serviceToken = "the token of services under test"

// startTimeout bounds how long a service may take to start and to stop.
const startTimeout = 30 * time.Second

// Service is a running service.
type Service struct {
	URL   string // http://127.0.0.1:40123
	DB    *pgxpool.Pool
	Redis *miniredis.Miniredis
	// Database is the way of the service to its database, which a test can
	// close. DB does not use it.
	Database *Gate

	stop func()
}

// Start runs a service until the test ends or Stop is called. It runs in
// tutorial mode unless an option changes that. Start returns when the service
// is ready.
func Start(t testing.TB, run func(context.Context, server.Environment) error, options ...func(*server.Environment)) *Service {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{URL: "http://" + listener.Addr().String(), Redis: miniredis.RunT(t)}
	env := server.Environment{
		Name:         "service",
		Listener:     listener,
		DatabaseURL:  pgtest.Database(t),
		RedisURL:     "redis://" + s.Redis.Addr(),
		AuthMode:     server.Tutorial,
		ServiceToken: serviceToken,
		Services:     map[string]string{},
		Logger:       slog.New(slog.DiscardHandler),
		Now:          time.Now,
	}
	for _, option := range options {
		option(&env)
	}
	if s.DB, err = pgxpool.New(t.Context(), env.DatabaseURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.DB.Close)
	s.Database, env.DatabaseURL = newGate(t, env.DatabaseURL)

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx, env) }()
	ended := false
	s.stop = func() {
		cancel()
		if ended {
			return
		}
		ended = true
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the service ended with: %v", err)
			}
		case <-time.After(startTimeout):
			t.Error("the service did not stop")
		}
	}
	t.Cleanup(s.stop)
	s.await(t, done)
	return s
}

// Stop ends the service. Its database and Redis stay.
func (s *Service) Stop() { s.stop() }

// await waits until the service is ready.
func (s *Service) await(t testing.TB, done chan error) {
	t.Helper()
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-done:
			done <- nil // for Stop: the failure is already reported
			t.Fatalf("the service did not start: %v", err)
		default:
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the service did not become ready: %v", err)
		}
	}
}

// Answer is a GraphQL response.
type Answer struct {
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Message    string         `json:"message"`
		Path       []any          `json:"path"`
		Extensions map[string]any `json:"extensions"`
	} `json:"errors"`
}

// AsService authenticates a request as another service of the store.
func AsService(h http.Header) { h.Set(identity.ServiceTokenHeader, serviceToken) }

// Do sends an operation and returns the response, including errors.
func (s *Service) Do(t testing.TB, operation string, variables map[string]any, headers ...func(http.Header)) Answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": operation, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, set := range headers {
		set(request.Header)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer Answer
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		t.Fatalf("the response is not JSON: %s", text)
	}
	return answer
}

// Data sends an operation that must succeed and returns its data as compact
// JSON.
func (s *Service) Data(t testing.TB, operation string, variables map[string]any, headers ...func(http.Header)) string {
	t.Helper()
	answer := s.Do(t, operation, variables, headers...)
	if len(answer.Errors) > 0 {
		t.Fatalf("%s returned errors: %+v", operation, answer.Errors)
	}
	return string(answer.Data)
}
