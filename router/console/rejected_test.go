package console_test

import (
	"net/http"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// TestRejectedRequestsAreCounted: the rate limit rejects requests before their operation is
// known, so that no operation has them.
func TestRejectedRequestsAreCounted(t *testing.T) {
	s := newShop(t, func(c *config.Config) {
		c.RateLimit.Enabled, c.RateLimit.Requests, c.RateLimit.Interval = true, 4, time.Hour
	})
	limited := 0
	for range 10 {
		if res, _ := s.send(t, `{"query":"query Burst { products { name } }"}`, "GraphQL-Client-Name: web"); res.StatusCode == http.StatusTooManyRequests {
			limited++
		}
	}
	type counts struct{ Requests, Errors, Rejected int }
	got := get[struct {
		Operations []counts
		Other      counts
	}](t, s, "operations?window=60")
	if len(got.Operations) != 1 || got.Operations[0] != (counts{10 - limited, 0, 0}) || got.Other != (counts{limited, limited, limited}) || limited == 0 {
		t.Errorf("%d of 10 were rejected: %+v", limited, got)
	}
}
