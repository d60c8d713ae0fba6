package subgraph_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// Clients are told that the certificate is not trusted, without details; logs get
// the cause.
func TestUntrustedCertificateIsNamed(t *testing.T) {
	for _, over := range transportKinds {
		if !over.tls {
			continue
		}
		address := over.listen(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", "{}") })
		for cause, configure := range map[string]func(*tls.Config){
			"certificate signed by unknown authority": func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
			"not other": func(c *tls.Config) { c.ServerName = "other" },
		} {
			s := over.subgraph(t, subgraph.Subgraph{}, address)
			configure(s.TLS())
			tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": s}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tr.Send(t.Context(), request(operation.Query, `{}`))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Message != "could not be reached: its TLS certificate is not trusted" || e.Code != execute.CodeHTTP {
				t.Errorf("%s: got error %v", over.name, err)
			}
			var verification *tls.CertificateVerificationError
			if !errors.As(err, &verification) || !strings.Contains(err.Error(), cause) {
				t.Errorf("%s: got cause %v, want %s", over.name, err, cause)
			}
			tr.Close()
		}
	}
}

// Clients get a general message about failures below HTTP, and logs the details:
// plain HTTP where TLS is expected, the reverse, and connections that break.
func TestTransportFailuresAreDescribed(t *testing.T) {
	secure, _ := certificate()
	config := &tls.Config{Certificates: []tls.Certificate{secure}}
	for name, c := range map[string]struct {
		scheme, want, cause string
		serve               func(net.Conn)
	}{
		"plain HTTP on an https URL": {
			scheme: "https", want: "it does not speak TLS, but its URL begins with https", cause: "first record does not look like a TLS handshake",
			serve: func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1))
				_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			},
		},
		"TLS on an http URL, with an alert": {
			scheme: "http", want: "it expects TLS, but its URL begins with http", cause: "TLS record",
			serve: func(conn net.Conn) {
				_, _, _ = readRequest(bufio.NewReader(conn))
				_, _ = conn.Write([]byte{21, 3, 1, 0, 2, 2, 70}) // fatal, protocol_version
			},
		},
		"TLS on an http URL, from net/http": {
			scheme: "http", want: "it expects TLS, but its URL begins with http", cause: "TLS record",
			serve: func(conn net.Conn) {
				_, _, _ = readRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
			},
		},
		"closed in the handshake": {
			scheme: "https", want: "the TLS handshake failed", cause: "EOF",
			serve: func(conn net.Conn) { _, _ = conn.Read(make([]byte, 4<<10)) },
		},
		"no common version": {
			scheme: "https", want: "the TLS handshake failed", cause: "protocol version not supported",
			serve: func(conn net.Conn) {
				old := config.Clone()
				old.MaxVersion = tls.VersionTLS11
				old.MinVersion = tls.VersionTLS10
				_ = tls.Server(conn, old).Handshake()
			},
		},
		"closed after the handshake": {
			scheme: "https", want: "the connection was closed before a response arrived", cause: "EOF",
			serve: func(conn net.Conn) {
				_, _, _ = readRequest(bufio.NewReader(tls.Server(conn, config)))
			},
		},
		"closed without TLS": {
			scheme: "http", want: "the connection was closed before a response arrived", cause: "",
			serve: func(conn net.Conn) { _, _, _ = readRequest(bufio.NewReader(conn)) },
		},
	} {
		for _, over := range transportKinds {
			if over.h2 || over.proxy || over.tls != (c.scheme == "https") {
				continue
			}
			t.Run(name+", "+over.name, func(t *testing.T) {
				listener, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				accept(t, listener, c.serve)
				tr := over.dial(t, subgraph.Subgraph{Retry: subgraph.Retry{MaxAttempts: 1}}, subgraph.Hooks{}, listener.Addr().String())
				_, err = tr.Send(t.Context(), request(operation.Mutation, `{}`))
				var e *execute.TransportError
				if !errors.As(err, &e) || e.Message != "could not be reached: "+c.want || !strings.Contains(err.Error(), c.cause) {
					t.Errorf("got error %v, want %q with the cause %q", err, c.want, c.cause)
				}
				sub := over.subgraph(t, subgraph.Subgraph{Subscriptions: subgraph.Subscriptions{ConnectAttempts: 1}}, listener.Addr().String())
				if c.scheme == "http" {
					return
				}
				for _, protocol := range []string{"sse", "ws"} {
					sub.Subscriptions.Protocol = protocol
					streams, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": sub}})
					if err != nil {
						t.Fatal(err)
					}
					err = streams.Subscribe(t.Context(), request(operation.Subscription, subscribeBody), nil)
					if !errors.As(err, &e) || e.Message != "could not be reached for a subscription: "+c.want {
						t.Errorf("%s: got error %v, want %q", protocol, err, c.want)
					}
				}
			})
		}
	}
}

// Messages for clients do not name the host that is unknown or refuses connections.
func TestUnreachableHostsAreDescribed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	for address, want := range map[string]string{
		listener.Addr().String(): "could not be reached: it refused the connection",
		"subgraph.invalid":       "could not be reached: its host name cannot be resolved",
	} {
		for _, client := range []string{"direct", "standard"} {
			tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": {URL: "http://" + address, Client: client}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tr.Send(t.Context(), request(operation.Mutation, `{}`))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Message != want {
				t.Errorf("%s, %s: got error %v", address, client, err)
			}
			tr.Close()
		}
	}
}

// With https the protocol is negotiated, even if http2 is set.
func TestTLSNegotiatesHTTP2RegardlessOfSetting(t *testing.T) {
	over := transportKind{name: "TLS", tls: true}
	s := over.subgraph(t, subgraph.Subgraph{}, over.listen(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, "application/json", `{"data":"`+r.Proto+`"}`)
	}))
	s.HTTP2 = true
	tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": s}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
	if err != nil || string(resp.Body.B) != `{"data":"HTTP/1.1"}` {
		t.Errorf("got %v, err %v", resp, err)
	}
}

// Each kind of transport negotiates the protocol in its name.
func TestTransportsNegotiateTheirProtocol(t *testing.T) {
	overEachTransport(t, func(t *testing.T, over transportKind) {
		tr := over.transport(t, subgraph.Subgraph{}, subgraph.Hooks{}, func(w http.ResponseWriter, r *http.Request) {
			scheme := "http"
			if r.TLS != nil {
				scheme = "https"
			}
			answer(w, 200, "application/json", scheme+" "+r.Proto)
		})
		want := "http "
		if over.tls {
			want = "https "
		}
		if want += "HTTP/1.1"; over.h2 {
			want = strings.TrimSuffix(want, "1.1") + "2.0"
		}
		resp, err := tr.Send(t.Context(), request(operation.Query, `{}`))
		if err != nil || string(resp.Body.B) != want {
			t.Errorf("got %v, err %v, want %s", resp, err, want)
		}
	})
}
