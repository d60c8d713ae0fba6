package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A client tells what became of its order, and reuses its connection.
func TestClientTellsOutcomesApart(t *testing.T) {
	hang := make(chan struct{})
	answers := make(chan func(http.ResponseWriter), 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "placeOrder") || r.URL.Path != "/graphql" {
			t.Errorf("got request for %s with %s, %v", r.URL, body, err)
		}
		(<-answers)(w)
	}))
	defer server.Close()
	defer close(hang)
	s := &store{address: strings.TrimPrefix(server.URL, "http://"), products: []string{"1"}}
	for range productCount - 1 {
		s.products = append(s.products, "1")
	}
	c := &client{store: s}
	defer c.close()
	text := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		began  time.Time
		want   outcome
	}{
		{"placed", text(200, `{"data":{"placeOrder":{"order":{"id":"7","status":"CONFIRMED"}}}}`), time.Now().Add(time.Hour), placed},
		{"refused by the router", text(503, `{"errors":[{"extensions":{"code":"SUBGRAPH_OVERLOADED"}}]}`), time.Now().Add(time.Hour), refused},
		{"refused by a service", text(200, `{"data":{"placeOrder":{"__typename":"Unavailable"}}}`), time.Now().Add(time.Hour), refused},
		{"another error", text(200, `{"errors":[{"message":"no such product"}]}`), time.Now().Add(time.Hour), failed},
		{"no answer", func(http.ResponseWriter) { <-hang }, time.Now().Add(100*time.Millisecond - patience), gaveUp},
		{"no time", func(http.ResponseWriter) {}, time.Now().Add(-time.Hour), gaveUp},
	} {
		answers <- test.answer
		if got, err := c.order(t.Context(), test.began); got != test.want || (err != nil) != (got == failed) {
			t.Errorf("%s: got outcome %d, error %v", test.name, got, err)
		}
	}
}

// tallyOf returns the tally of a phase of 10 seconds whose orders all have an outcome and a latency.
func tallyOf(outcome outcome, count int, latency time.Duration) *tally {
	t := &tally{took: 10 * time.Second, began: time.Now(), idle: 0.5}
	for i := range count {
		arrived := t.began.Add(time.Duration(i) * t.took / time.Duration(count))
		t.outcomes[outcome]++
		t.settled = append(t.settled, settlement{arrived.Sub(t.began), outcome == placed, latency})
		if outcome != refused {
			t.latencies = append(t.latencies, latency)
		}
	}
	return t
}

func TestGoalsAreChecked(t *testing.T) {
	const slow, fast = 210 * time.Millisecond, 150 * time.Millisecond
	capacity := tallyOf(placed, 1000, fast)
	reference, good := tallyOf(placed, 800, 100*time.Millisecond), tallyOf(placed, 900, fast)
	for _, test := range []struct {
		name           string
		over, recovery *tally
		want           string
	}{
		{"all met", good, good, ""},
		{"too few orders", tallyOf(placed, 700, fast), good, "70 orders a second were placed"},
		{"too slow", tallyOf(placed, 900, slow), good, "the 99th percentile is 210ms"},
		{"refused afterwards", good, tallyOf(refused, 800, fast), "0.0 % of the orders from 2 s after"},
		{"slow afterwards", good, tallyOf(placed, 800, slow), "from 2 s after the overload on is 210ms"},
	} {
		err := judge(io.Discard, 5, capacity, reference, test.over, test.recovery)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}

// The store cannot place orders with processors that other programs use, but it must use those that
// are idle.
func TestWhatWasPossibleFollowsTheProcessorTime(t *testing.T) {
	capacity := tallyOf(placed, 1000, time.Millisecond)
	capacity.processor = 10 * time.Second
	reference := tallyOf(placed, 800, time.Millisecond)
	reference.processor = 8 * time.Second
	for _, test := range []struct {
		name      string
		processor time.Duration
		idle      float64
		want      float64
	}{
		{"all for the store", 11 * time.Second, 0, 100},
		{"half for others", 5 * time.Second, 0.01, 50},
		{"half idle", 5 * time.Second, 0.5, 100},
	} {
		over := tallyOf(placed, 10, time.Millisecond)
		over.processor, over.idle = test.processor, test.idle
		if got := possible(capacity, reference, over); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// Only multiples of the capacity that are an overload, and bounded, are accepted.
func TestFactors(t *testing.T) {
	if got, err := parseFactors("2,5,10"); err != nil || len(got) != 3 || got[2] != 10 {
		t.Errorf("got %v, %v", got, err)
	}
	for _, list := range []string{"", "1", "2,", "x", "21", "NaN"} {
		if got, err := parseFactors(list); err == nil {
			t.Errorf("%q: got %v, want an error", list, got)
		}
	}
}
