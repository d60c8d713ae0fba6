// Package simulatortest runs the simulated payment provider in a test, as its
// program does: with a real Postgres database, and calls over HTTP. The test's
// package must call pgtest.Main.
package simulatortest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/payment/simulator"
)

// APIKey is the provider's API key.
const APIKey = "the API key of the provider under test"

// Provider is a running provider.
type Provider struct {
	URL         string
	DatabaseURL string
}

// Start runs a provider until the test ends.
func Start(t testing.TB) *Provider {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{URL: "http://" + listener.Addr().String(), DatabaseURL: pgtest.Database(t)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- simulator.Run(ctx, simulator.Options{
			Listener: listener, DatabaseURL: p.DatabaseURL, APIKey: APIKey, Logger: slog.New(slog.DiscardHandler),
		})
	}()
	t.Cleanup(func() {
		p.SetFaults(t)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the payment provider ended with: %v", err)
		}
	})
	ready, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if response, err := http.DefaultClient.Do(ready); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the payment provider did not become ready")
		}
	}
}

// SetFaults replaces the provider's faults.
func (p *Provider) SetFaults(t testing.TB, faults ...simulator.Fault) {
	t.Helper()
	if faults == nil {
		faults = []simulator.Fault{}
	}
	p.call(t, http.MethodPut, "/faults", faults, nil)
}

// Used returns how many calls the first fault has applied to.
func (p *Provider) Used(t testing.TB) int {
	t.Helper()
	var faults []simulator.Fault
	p.call(t, http.MethodGet, "/faults", nil, &faults)
	if len(faults) == 0 {
		return 0
	}
	return faults[0].Used
}

// Payments returns the provider's newest payments, by reference. A payment that
// was voided before it was authorised has none.
func (p *Provider) Payments(t testing.TB) map[string]payment.State {
	t.Helper()
	var list []payment.State
	p.call(t, http.MethodGet, "/payments", nil, &list)
	payments := make(map[string]payment.State, len(list))
	for _, found := range list {
		payments[found.Reference] = found
	}
	return payments
}

func (p *Provider) call(t testing.TB, method, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	// Not the test's context: cleanups call this, too.
	request, err := http.NewRequestWithContext(context.Background(), method, p.URL+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+APIKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d, %s, %v", method, path, response.StatusCode, data, err)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
