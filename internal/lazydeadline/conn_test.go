package lazydeadline_test

import (
	"errors"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"souk/internal/lazydeadline"
)

// A scripted connection returns the results of reads in turn, and records deadlines.
type scripted struct {
	net.Conn
	results   []error // nil for a byte
	deadlines []time.Time
}

func (s *scripted) Read([]byte) (int, error) {
	err := s.results[0]
	s.results = s.results[1:]
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func (s *scripted) SetReadDeadline(t time.Time) error {
	s.deadlines = append(s.deadlines, t)
	return nil
}

func (s *scripted) SetWriteDeadline(t time.Time) error { return s.SetReadDeadline(t) }

func (s *scripted) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// TestDeadlinesAreSetOnTheSocketWhenNeeded checks that a later deadline replaces an earlier one only
// when that has passed.
func TestDeadlinesAreSetOnTheSocketWhenNeeded(t *testing.T) {
	early, late := time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	past := time.Unix(1, 0)
	for _, c := range []struct {
		name    string
		wanted  []time.Time // before each read
		results []error
		set     []time.Time
		fails   bool
	}{
		{name: "none", wanted: []time.Time{{}}, results: []error{nil}},
		{name: "one", wanted: []time.Time{early}, results: []error{nil}, set: []time.Time{early}},
		{name: "later", wanted: []time.Time{early, late}, results: []error{nil, nil}, set: []time.Time{early}},
		{name: "earlier", wanted: []time.Time{late, early}, results: []error{nil, nil}, set: []time.Time{late, early}},
		{name: "none after one", wanted: []time.Time{early, {}}, results: []error{nil, nil}, set: []time.Time{early}},
		{name: "the first passes", wanted: []time.Time{early, late}, results: []error{nil, os.ErrDeadlineExceeded, nil}, set: []time.Time{early, late}},
		{name: "one passes after it is removed", wanted: []time.Time{early, {}}, results: []error{nil, os.ErrDeadlineExceeded, nil}, set: []time.Time{early, {}}},
		{name: "passed", wanted: []time.Time{past}, results: []error{os.ErrDeadlineExceeded}, set: []time.Time{past}, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := &scripted{results: c.results}
			connection := &lazydeadline.Conn{Conn: script}
			var err error
			for _, wanted := range c.wanted {
				if err := connection.SetReadDeadline(wanted); err != nil {
					t.Fatal(err)
				}
				_, err = connection.Read(make([]byte, 1))
			}
			if c.fails != errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the last read returned %v", err)
			}
			if !slices.EqualFunc(script.deadlines, c.set, time.Time.Equal) {
				t.Errorf("the deadlines %v were set, want %v", script.deadlines, c.set)
			}
			if len(script.results) > 0 {
				t.Errorf("%d results are left", len(script.results))
			}
		})
	}
}

// TestAbort checks that a connection remains aborted, whatever deadlines are set later.
func TestAbort(t *testing.T) {
	script := &scripted{results: []error{os.ErrDeadlineExceeded}}
	connection := &lazydeadline.Conn{Conn: script}
	connection.Abort()
	later := time.Now().Add(time.Hour)
	if err := errors.Join(connection.SetReadDeadline(later), connection.SetWriteDeadline(later)); err != nil {
		t.Error(err)
	}
	if _, err := connection.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read returned %v", err)
	}
	if len(script.deadlines) != 1 || !script.deadlines[0].Before(time.Now()) {
		t.Errorf("the deadlines %v were set", script.deadlines)
	}
}
