package top

import (
	"encoding/json"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// TestUnknownEventsAreNotZero: what services do not report is unknown, and dead letters that
// are known stay.
func TestUnknownEventsAreNotZero(t *testing.T) {
	for _, c := range []struct{ response, want string }{
		{`{"outbox":[{"service":"order","pending":2},{"service":"user","pending":1}],"dead":[]}`, "events waiting 3"},
		{`{"outbox":[{"service":"order","pending":2},{"service":"user","pending":null}],"dead":[]}`, "events waiting 2 (1 of 2 outboxes unknown)"},
		{`{"outbox":[{"service":"order","pending":null},{"service":"user","pending":null}],"dead":[{"service":"order"}]}`, "events waiting unknown   dead letters 1"},
		{`{"outbox":[{"service":"order","pending":null}],"dead":null}`, "events waiting unknown   dead letters unknown"},
		{`{"outbox":[],"dead":null,"error":"away"}`, "events waiting unknown   dead letters unknown"},
		{`{"outbox":[],"dead":[]}`, "events waiting 0"},
	} {
		var s Snapshot
		if err := s.decode(map[string]json.RawMessage{"events": json.RawMessage(c.response)}); err != nil {
			t.Fatal(err)
		}
		if got := ansi.Strip(s.Events.summary()); got != c.want {
			t.Errorf("%s: %q, want %q", c.response, got, c.want)
		}
	}
}
