package payment_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/peer"
	"souk/subgraphs/order/payment"
	"souk/subgraphs/order/payment/simulator"
	"souk/subgraphs/order/payment/simulatortest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T) (*payment.Client, *simulatortest.Provider) {
	t.Helper()
	p := simulatortest.Start(t)
	return payment.NewClient(p.URL, simulatortest.APIKey, nil), p
}

func hold(key, token string) payment.Authorization {
	return payment.Authorization{Key: key, Amount: 1999, Currency: "EUR", Token: token, Reference: key}
}

func TestCallsAreIdempotent(t *testing.T) {
	c, p := open(t)
	for _, step := range []struct {
		name string
		do   func(context.Context) error
		want payment.Status
	}{
		{name: "authorize", do: func(ctx context.Context) error { return c.Authorize(ctx, hold("a", "")) }, want: payment.Authorized},
		{name: "capture", do: func(ctx context.Context) error { return c.Capture(ctx, "a") }, want: payment.Captured},
		{name: "authorize again", do: func(ctx context.Context) error { return c.Authorize(ctx, hold("a", "")) }, want: payment.Captured},
		{name: "refund", do: func(ctx context.Context) error { return c.Refund(ctx, "a") }, want: payment.Refunded},
		{name: "capture again", do: func(ctx context.Context) error { return c.Capture(ctx, "a") }, want: payment.Refunded},
	} {
		for range 2 {
			if err := step.do(t.Context()); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			if got := p.Payments(t)["a"]; got.Status != step.want || got.Amount != 1999 || got.Currency != "EUR" {
				t.Errorf("after %s: %+v", step.name, got)
			}
		}
	}
}

func TestConcurrentCallsHaveOneEffect(t *testing.T) {
	c, p := open(t)
	var held, calls sync.WaitGroup
	for range 16 {
		held.Go(func() {
			if err := c.Authorize(t.Context(), hold("a", "")); err != nil {
				t.Error(err)
			}
		})
	}
	held.Wait()
	var captured, voided error
	calls.Go(func() { captured = c.Capture(t.Context(), "a") })
	calls.Go(func() { _, voided = c.Void(t.Context(), "a") })
	calls.Wait()
	if (captured == nil) == (voided == nil) {
		t.Errorf("of capture and void, one must win: %v, %v", captured, voided)
	}
	if n := len(p.Payments(t)); n != 1 {
		t.Errorf("%d payments, not 1", n)
	}
}

func TestRefusalsAreTyped(t *testing.T) {
	c, _ := open(t)
	for _, test := range []struct{ token, reason string }{
		{token: "test-declined", reason: "card_declined"},
		{token: "test-insufficient-funds", reason: "insufficient_funds"},
		{token: "test-expired-card", reason: "expired_card"},
	} {
		for range 2 {
			var declined *payment.Declined
			if err := c.Authorize(t.Context(), hold(test.token, test.token)); !errors.As(err, &declined) || declined.Reason != test.reason || declined.Message == "" {
				t.Errorf("%s: %v", test.token, err)
			}
		}
	}
	if err := c.Authorize(t.Context(), hold("held", "test-capture-refused")); err != nil {
		t.Fatal(err)
	}
	other := hold("held", "")
	other.Amount++
	for _, test := range []struct {
		name, reason string
		err          error
	}{
		{name: "another amount", reason: "key_reused", err: c.Authorize(t.Context(), other)},
		{name: "capture", reason: "capture_refused", err: c.Capture(t.Context(), "held")},
		{name: "refund", reason: "wrong_state", err: c.Refund(t.Context(), "held")},
		{name: "capture of nothing", reason: "unknown", err: c.Capture(t.Context(), "nothing")},
		{name: "capture of what was declined", reason: "wrong_state", err: c.Capture(t.Context(), "test-declined")},
	} {
		var refused *payment.Refused
		if !errors.As(test.err, &refused) || refused.Reason != test.reason {
			t.Errorf("%s: %v", test.name, test.err)
		}
	}
}

// After Void no money is held, even if an authorisation was in flight.
func TestVoidBeatsALateAuthorization(t *testing.T) {
	c, p := open(t)
	p.SetFaults(t, simulator.Fault{Operation: "authorize", Mode: simulator.Late, Delay: simulator.Duration(3 * time.Second), Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	late := make(chan error)
	go func() { late <- c.Authorize(ctx, hold("a", "")) }()
	for p.Used(t) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-late
	if held, err := c.Void(t.Context(), "a"); held || err != nil {
		t.Fatalf("void: held %t, %v", held, err)
	}
	var refused *payment.Refused
	if err := c.Authorize(t.Context(), hold("a", "")); !errors.As(err, &refused) || refused.Status != payment.Voided {
		t.Errorf("after void: %v", err)
	}
}

func TestFaultsApplyAndEnd(t *testing.T) {
	for _, test := range []struct {
		mode  simulator.Mode
		times int
		ok    bool // the call succeeds, by its retries
		state payment.Status
	}{
		{mode: simulator.Unavailable, times: 1, ok: true, state: payment.Authorized},
		{mode: simulator.Unavailable, times: 0, ok: false, state: ""},
		{mode: simulator.Timeout, times: 1, ok: true, state: payment.Authorized},
		{mode: simulator.Silent, times: 1, ok: true, state: payment.Authorized},
		{mode: simulator.Silent, times: 0, ok: false, state: payment.Authorized},
	} {
		t.Run(fmt.Sprintf("%s %d", test.mode, test.times), func(t *testing.T) {
			c, p := open(t)
			p.SetFaults(t, simulator.Fault{Operation: "authorize", Mode: test.mode, Times: test.times})
			err := c.Authorize(t.Context(), hold("a", ""))
			var failed *peer.Error
			if (err == nil) != test.ok || err != nil && !errors.As(err, &failed) {
				t.Errorf("%v", err)
			}
			if got := p.Payments(t)["a"].Status; got != test.state {
				t.Errorf("the payment is %q, want %q", got, test.state)
			}
			if p.Used(t) < 1 {
				t.Error("the fault was not used")
			}
		})
	}
}

func TestTheProviderWantsItsKey(t *testing.T) {
	_, p := open(t)
	if err := payment.NewClient(p.URL, "wrong", nil).Authorize(t.Context(), hold("a", "")); err == nil {
		t.Error("a wrong key was accepted")
	}
	response, err := http.Get(p.URL + "/payments")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", response.StatusCode)
	}
}
