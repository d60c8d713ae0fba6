package http1_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A client that sends more than the server reads sees the last response and the end of the
// connection, not a reset.
func TestLastResponsesAreNotLost(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		status       int
	}{
		{"body that nobody reads", "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + strings.Repeat("a", 100_000), http.StatusRequestEntityTooLarge},
		{"requests behind the last response", request("GET", "/last", "", "") + strings.Repeat(request("GET", "/", "", ""), 1000), http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/refused":
					w.WriteHeader(http.StatusRequestEntityTooLarge)
				case "/last":
					w.Header().Set("Connection", "close")
				}
			})
			client := r.dial(t)
			client.send(t, c.stream)
			if response, _ := client.receive(t); response.StatusCode != c.status || !response.Close {
				t.Errorf("got %s, close %t", response.Status, response.Close)
			}
			client.send(t, strings.Repeat("a", 2_000_000)) // as a client does that reads only when it has sent all
			if _, err := client.r.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("the connection ended with %v", err)
			}
		})
	}
}

// A shutdown loses no response, though clients have pipelined more requests than are served.
func TestPipelinedRequestsAtShutdown(t *testing.T) {
	r, entered, proceed := runWaiting(t)
	c := r.dial(t)
	c.send(t, request("GET", "/wait", "", "")+strings.Repeat(request("GET", "/", "", ""), 1000))
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- r.Shutdown(t.Context()) }()
	<-r.ended
	close(proceed)
	if response, body := c.receive(t); body != "done" || !response.Close {
		t.Errorf("got %q, close %t", body, response.Close)
	}
	if rest, err := io.ReadAll(c.r); err != nil || len(rest) > 0 {
		t.Errorf("then came %q, %v", rest, err)
	}
	_ = c.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
