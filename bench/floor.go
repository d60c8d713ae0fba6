package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
)

// maxIdle is the number of idle connections to the subgraphs that the floor keeps.
const maxIdle = 1024

// A floorServer is the least that a gateway on net/http does: it reads a request without parsing
// it, sends the recorded requests to the subgraphs, all at once, reads their responses, and writes
// the recorded one.
type floorServer struct {
	recording recording
	subgraphs string // base URL
	client    *http.Client
	buffers   sync.Pool
}

// serveFloor serves the floor until ctx is done.
func serveFloor(ctx context.Context, address, subgraphs, path string) error {
	r, err := readRecording(path)
	if err != nil {
		return err
	}
	f := &floorServer{
		recording: r, subgraphs: subgraphs,
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxIdle, DisableCompression: true}},
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	mux := http.NewServeMux()
	mux.Handle("POST /graphql", f)
	return serve(ctx, address, mux)
}

// ServeHTTP implements http.Handler.
func (f *floorServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	failed := make([]error, len(f.recording.Calls))
	var all sync.WaitGroup
	for i, c := range f.recording.Calls {
		all.Go(func() { failed[i] = f.send(r.Context(), c) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, f.recording.Response) // an error means that the client has disconnected
}

// send sends a request to a subgraph and reads the response.
func (f *floorServer) send(ctx context.Context, c call) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.subgraphs+c.Path, strings.NewReader(c.Body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := f.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	buffer := f.buffers.Get().(*bytes.Buffer)
	defer f.buffers.Put(buffer)
	buffer.Reset()
	_, err = buffer.ReadFrom(response.Body)
	return err
}
