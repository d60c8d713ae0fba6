package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"souk/router/compose"
	"souk/router/mock"
)

// A subscription to a mocked subgraph has mockEvents events, one every mockInterval.
const (
	mockEvents   = 60
	mockInterval = time.Second
)

// mocks serve mocked subgraphs, each below the path with its name.
type mocks struct {
	seed     uint64
	listener net.Listener // nil without mocks
	server   *http.Server

	mu        sync.Mutex
	subgraphs map[string]*mock.Subgraph
}

func startMocks(ctx context.Context, names []string, seed uint64) (*mocks, error) {
	m := &mocks{seed: seed, subgraphs: map[string]*mock.Subgraph{}}
	if len(names) == 0 {
		return m, nil
	}
	var err error
	if m.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("serving mocked subgraphs: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		s := m.subgraphs[r.PathValue("name")]
		m.mu.Unlock()
		if s == nil {
			http.NotFound(w, r)
			return
		}
		s.ServeHTTP(w, r)
	})
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = m.server.Serve(m.listener) }() // close ends it
	return m, nil
}

// mockError marks an error of a configuration that does not have the subgraphs that --mock names:
// the flag is wrong.
func mockError(file string, names []string, err error) error {
	if err == nil || len(names) == 0 {
		return err
	}
	config, wrong := compose.ReadConfig(file, os.LookupEnv, names...)
	if wrong == nil || config == nil || len(config.Subgraphs) == 0 {
		return err
	}
	for _, name := range names {
		if _, ok := config.Subgraphs[name]; !ok {
			return unmade(err)
		}
	}
	return err
}

func (m *mocks) url(name string) string {
	return "http://" + m.listener.Addr().String() + "/" + name
}

// set sets the SDL of a mocked subgraph.
func (m *mocks) set(name, sdl, api string) error {
	made, err := mock.New(mock.Options{
		SDL: sdl, API: api, Seed: m.seed, Events: mockEvents, Interval: mockInterval, After: time.After,
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.subgraphs[name] = made
	return nil
}

func (m *mocks) close() {
	if m.server != nil {
		_ = m.server.Close() // the router has ended, too
	}
}
