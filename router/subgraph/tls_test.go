package subgraph_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"

	"souk/router/execute"
	"souk/router/operation"
	"souk/router/subgraph"
)

// A certificate that is not trusted is named as what is wrong, to clients
// without detail, and with the cause for logs.
func TestUntrustedCertificateIsNamed(t *testing.T) {
	for _, over := range ways {
		if !over.tls {
			continue
		}
		address := over.listen(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "application/json", "{}") })
		for cause, configure := range map[string]func(*tls.Config){
			"certificate signed by unknown authority": func(c *tls.Config) { c.RootCAs = x509.NewCertPool() },
			"not other": func(c *tls.Config) { c.ServerName = "other" },
		} {
			s := over.subgraph(t, subgraph.Subgraph{}, address)
			configure(s.TLS)
			tr, err := subgraph.New(subgraph.Options{Subgraphs: map[string]subgraph.Subgraph{"a": s}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tr.Send(t.Context(), request(operation.Query, `{}`))
			var e *execute.TransportError
			if !errors.As(err, &e) || e.Message != "could not be reached: its TLS certificate is not trusted" || e.Code != execute.CodeHTTP {
				t.Errorf("%s: %v", over.name, err)
			}
			var verification *tls.CertificateVerificationError
			if !errors.As(err, &verification) || !strings.Contains(err.Error(), cause) {
				t.Errorf("%s: the cause is %v, want %s", over.name, err, cause)
			}
			tr.Close()
		}
	}
}

// With https the protocol is negotiated, also if http2 is set.
func TestHTTP2SettingLeavesTLSToNegotiate(t *testing.T) {
	over := way{name: "TLS", tls: true}
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
		t.Errorf("%v, %v", resp, err)
	}
}

// The router negotiates what a way is named for.
func TestWaysSpeakTheirProtocol(t *testing.T) {
	overEachWay(t, func(t *testing.T, over way) {
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
			t.Errorf("%v, %v, want %s", resp, err, want)
		}
	})
}
