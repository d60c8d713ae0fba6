package router_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// listenAndServe serves a router until the test ends or stop is called. ended
// returns the result of Serve.
func listenAndServe(t *testing.T, subgraphURL string, configure func(*config.Config)) (address string, stop func(), ended chan error) {
	t.Helper()
	var log lockedBuffer
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: &log})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Listen, c.Admin.Listen = "127.0.0.1:0", ""
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {subgraphURL}}
	configure(&c)
	r, err := router.New(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	listens := regexp.MustCompile(`"address":"([^"]+)"`)
	eventually(t, func() bool { return listens.MatchString(log.String()) })
	return listens.FindStringSubmatch(log.String())[1], stop, ended
}

// http2Client speaks only HTTP/2 without TLS.
func http2Client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func post(ctx context.Context, client *http.Client, url string, body io.Reader) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", body)
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, string(text), err
}

func TestHTTP2WorksWithoutTLS(t *testing.T) {
	asked, answer := make(chan struct{}, 1), make(chan struct{})
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
	}))
	defer sub.Close()
	address, stop, ended := listenAndServe(t, sub.URL, func(*config.Config) {})
	client, url := http2Client(t), "http://"+address

	response, text, err := post(t.Context(), client, url, strings.NewReader(`{"query":"{ __typename }"}`))
	if err != nil || response.ProtoMajor != 2 || text != `{"data":{"__typename":"Query"}}` {
		t.Fatalf("got %v, %s, err %v", response, text, err)
	}
	if response, text, err = post(t.Context(), http.DefaultClient, url, strings.NewReader(`{"query":"{ __typename }"}`)); err != nil || response.ProtoMajor != 1 {
		t.Errorf("HTTP/1.1 on the same port: got %v, %s, err %v", response, text, err)
	}

	// A request in progress when the router stops gets its response.
	underWay := make(chan string, 1)
	go func() {
		_, text, err := post(t.Context(), client, url, strings.NewReader(`{"query":"{ hello }"}`))
		underWay <- fmt.Sprint(text, err)
	}()
	<-asked
	stop()
	refuses := func() bool {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	}
	eventually(t, refuses)
	close(answer)
	if got := <-underWay; got != `{"data":{"hello":"hi"}}<nil>` {
		t.Errorf("request in progress: got %s", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve() = %v", err)
	}
}

// The router announces how many streams a connection may have and rejects more.
func TestHTTP2CarriesStreams(t *testing.T) {
	address, _, _ := listenAndServe(t, "http://a.invalid", func(c *config.Config) { c.HTTP.HTTP2Streams = 7 })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := frame.(*http2.SettingsFrame)
		if !ok || settings.IsAck() {
			continue
		}
		if n, ok := settings.Value(http2.SettingMaxConcurrentStreams); !ok || n != 7 {
			t.Errorf("got a limit of %d streams, want 7", n)
		}
		return
	}
}

func TestSlowHTTP2BodyTimesOut(t *testing.T) {
	address, _, _ := listenAndServe(t, "http://a.invalid", func(c *config.Config) { c.Limits.BodyTimeout = 100 * time.Millisecond })
	slow, never := io.Pipe()
	defer never.Close()
	if response, text, err := post(t.Context(), http2Client(t), "http://"+address, slow); err != nil || response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %v, %s, err %v", response, text, err)
	}
}

func TestHTTP2CanBeDisabled(t *testing.T) {
	address, _, _ := listenAndServe(t, "http://a.invalid", func(c *config.Config) { c.HTTP.HTTP2 = false })
	if _, text, err := post(t.Context(), http2Client(t), "http://"+address, strings.NewReader(`{"query":"{ __typename }"}`)); err == nil {
		t.Errorf("got %s", text)
	}
}
