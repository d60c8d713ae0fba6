package main

import (
	"crypto/hmac"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"souk/examples/internal/exampletest"
	"souk/router"
)

const key = "0123456789abcdef0123456789abcdef"

// verify verifies the signature as a subgraph does.
func verify(r *http.Request, body []byte) int {
	at := r.Header.Get(timeHeader)
	seconds, err := strconv.ParseInt(at, 10, 64)
	age := time.Since(time.Unix(seconds, 0))
	want := signature([]byte(key), at, "office", body)
	if err != nil || age < 0 || age > 5*time.Minute || !hmac.Equal([]byte(want), []byte(r.Header.Get(signatureHeader))) {
		return http.StatusForbidden
	}
	return http.StatusOK
}

func TestSubgraphVerifiesTheRouter(t *testing.T) {
	t.Setenv("SIGNING_KEY", key)
	var x router.Extensions
	if err := extend(&x); err != nil {
		t.Fatal(err)
	}
	if status, body := exampletest.New(t, x, verify).Send(t, "{ hello }"); status != http.StatusOK || body != `{"data":{"hello":"world"}}` {
		t.Errorf("signed request: got status %d, %s", status, body)
	}

	var refused int
	unsigned := exampletest.New(t, router.Extensions{}, func(r *http.Request, body []byte) int {
		refused = verify(r, body)
		return refused
	})
	if unsigned.Send(t, "{ hello }"); refused != http.StatusForbidden {
		t.Errorf("unsigned request: got status %d", refused)
	}
}

func TestShortKeyIsRefused(t *testing.T) {
	t.Setenv("SIGNING_KEY", strings.Repeat("x", 31))
	if err := extend(new(router.Extensions)); err == nil {
		t.Error("a short key is accepted")
	}
}
