package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxAnswers and maxAnswerBytes bound the stored responses of a subgraph. Beyond them, all are
	// dropped.
	maxAnswers     = 50_000
	maxAnswerBytes = 256 << 20
	// maxRequestBytes bounds the body of a request to a subgraph.
	maxRequestBytes = 16 << 20
	// maxRecorded bounds the requests that are recorded for the floor.
	maxRecorded = 1000
)

// A supplier serves all subgraphs on one port, each below its name. It executes each request once
// and then repeats the response, so that a load measures the gateway and not the subgraphs.
type supplier struct {
	servers  map[string]*subgraphServer
	delay    atomic.Int64 // before each response, in nanoseconds
	requests atomic.Int64

	mu        sync.Mutex
	recording bool
	recorded  []call
}

// A subgraphServer is one of the subgraphs.
type subgraphServer struct {
	world *world

	mu      sync.RWMutex
	answers map[string][]byte // by the body of the request
	bytes   int               // of answers
}

// serveSubgraphs serves the subgraphs until ctx is done.
func serveSubgraphs(ctx context.Context, address string) error {
	s := &supplier{servers: map[string]*subgraphServer{}}
	for name, w := range worlds() {
		s.servers[name] = &subgraphServer{world: w, answers: map[string][]byte{}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{subgraph}", s.serve)
	mux.HandleFunc("PUT /delay/{delay}", s.setDelay)
	mux.HandleFunc("PUT /recording", s.record)
	mux.HandleFunc("GET /recording", s.report)
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, s.requests.Load()) })
	return serve(ctx, address, mux)
}

// serve serves on an address until ctx is done.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", address, err)
	}
	return nil
}

func (s *supplier) serve(w http.ResponseWriter, r *http.Request) {
	server := s.servers[r.PathValue("subgraph")]
	if server == nil {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.requests.Add(1)
	s.note(r.URL.Path, body)
	answer, err := server.respond(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if d := time.Duration(s.delay.Load()); d > 0 {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // an error means that the gateway has disconnected
}

// respond returns the response to a request, which it keeps.
func (s *subgraphServer) respond(body []byte) ([]byte, error) {
	s.mu.RLock()
	answer := s.answers[string(body)]
	s.mu.RUnlock()
	if answer != nil {
		return answer, nil
	}
	answer, err := s.world.answer(body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers) >= maxAnswers || s.bytes > maxAnswerBytes {
		clear(s.answers)
		s.bytes = 0
	}
	s.answers[string(body)] = answer
	s.bytes += len(body) + len(answer)
	return answer, nil
}

// note records a request, if that is wanted.
func (s *supplier) note(path string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recording && len(s.recorded) < maxRecorded {
		s.recorded = append(s.recorded, call{Path: path, Body: string(body)})
	}
}

func (s *supplier) setDelay(w http.ResponseWriter, r *http.Request) {
	delay, err := time.ParseDuration(r.PathValue("delay"))
	if err != nil || delay < 0 {
		http.Error(w, "the path must end with a duration, such as /delay/100ms", http.StatusBadRequest)
		return
	}
	s.delay.Store(int64(delay))
}

// record begins a recording.
func (s *supplier) record(http.ResponseWriter, *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recording, s.recorded = true, nil
}

// report ends a recording and returns it.
func (s *supplier) report(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recording = false
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.recorded)
}
