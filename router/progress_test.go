package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// Over HTTP/2 a client that reads nothing of a stream loses it after
// http_write_timeout, however long the router's time for a request is.
func TestStalledHTTP2StreamEnds(t *testing.T) {
	c := config.Default()
	c.Limits.WriteTimeout = 100 * time.Millisecond
	c.TrafficShaping.Router.Timeout = time.Hour
	failed := make(chan error, 1)
	s := httptest.NewUnstartedServer(server{config: c}.deadlines(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 8<<20))
		failed <- err
	})))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.ProtoMajor != 2 {
		t.Fatalf("got %s", response.Proto)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("8 MiB were written to a client that reads nothing")
		}
	case <-ctx.Done():
		t.Fatal("the stream is still open")
	}
	if _, err := io.Copy(io.Discard, response.Body); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the client got %v", err)
	}
}
