package subgraph

import (
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// A streamTransport prepares subscription requests for net/http: it moves a Host header
// from a rule to Request.Host, which is the only place where net/http reads it, and adds
// the credentials in the URL.
type streamTransport struct {
	*Subgraph
	mu    sync.Mutex
	files *tls.Config     // what TLS returned last
	next  *http.Transport // with files
}

func newStreamTransport(s *Subgraph) *streamTransport { return &streamTransport{Subgraph: s} }

// transport returns the transport for a new stream. A stream keeps its own when the TLS
// configuration changes.
func (t *streamTransport) transport() *http.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	if files := t.TLS(); t.next == nil || files != t.files {
		t.files = files
		t.next = &http.Transport{
			Proxy:               t.Proxy,
			DialContext:         t.Dial,
			TLSClientConfig:     files.Clone(),
			TLSHandshakeTimeout: 10 * time.Second,
			DisableCompression:  true,
			// Each stream has its own connection, so idle ones are never reused.
			DisableKeepAlives: true,
		}
	}
	return t.next
}

// RoundTrip implements [http.RoundTripper].
func (t *streamTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	host, user := r.Header.Get("Host"), r.URL.User
	handshake := new(handshakeWatch)
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{TLSHandshakeDone: handshake.done})
	if host != "" || user != nil {
		r = r.Clone(ctx)
	} else {
		r = r.WithContext(ctx)
	}
	if host != "" {
		r.Host = host
	}
	if user != nil && r.Header.Get("Authorization") == "" {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	response, err := t.transport().RoundTrip(r)
	if err != nil {
		return nil, handshake.explain(err)
	}
	return response, nil
}
