package verify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// The gateway, a real Envoy, redirects plain HTTP to the same URL with TLS.
func TestGatewayRedirectsToTLS(t *testing.T) {
	envoy := findEnvoy(t)
	if err := redirects(t, envoy, read(t)); err != nil {
		t.Fatal(err)
	}
	wrong := fault{file: "09", old: "httpsRedirect: true", new: "httpsRedirect: false", said: `plain HTTP: status 200, to ""`}
	wrong.noticed(t, "redirect", redirects(t, envoy, wrong.read(t)))
}

func redirects(t *testing.T, envoy string, documents Documents) error {
	t.Helper()
	router := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer router.Close()
	entry := startGateway(t, newMesh(t, documents), envoy, "http.", router.Listener.Addr().String())
	status, header, _, err := ask(t.Context(), entry, "/api/products?first=3")
	if to := header.Get("Location"); err == nil && (status != http.StatusMovedPermanently || to != "https://souk.example/api/products?first=3") {
		return fmt.Errorf("plain HTTP: status %d, to %q", status, to)
	}
	return err
}

// Behind the gateway and the proxy of its pod, the router finds the client's address at the
// end of X-Forwarded-For, whatever the client wrote there.
func TestRouterSeesTheAddressOfTheClient(t *testing.T) {
	envoy := findEnvoy(t)
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Join(r.Header["X-Forwarded-For"], ","))
	}))
	defer router.Close()
	m := newMesh(t, read(t))
	entry := startGateway(t, m, envoy, "https.", startSidecar(t, m, envoy, router.Listener.Addr().String()))
	_, _, got, err := ask(t.Context(), entry, "/api/products")
	if err != nil {
		t.Fatal(err)
	}
	// In place of a loopback address, Envoy appends its machine's.
	claimed, last, _ := strings.Cut(got, ",")
	if address, err := netip.ParseAddr(last); err != nil || claimed != forged || address == netip.MustParseAddr(forged) {
		t.Errorf("the router sees the addresses %q, want %s and one more", got, forged)
	}
}

// forged is the address that a client claims to have.
const forged = "203.0.113.9"

// ask sends a request as a client that claims to have another address.
func ask(ctx context.Context, address, path string) (status int, header http.Header, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, nil, "", err
	}
	request.Host = "souk.example"
	request.Header.Set("X-Forwarded-For", forged)
	response, err := http.DefaultTransport.RoundTrip(request) // without following redirects
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(text), err
}
