package faults

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"souk/subgraphs"
)

// A fault breaks one thing of a store in use.
type fault struct {
	name string
	// breaks breaks it, and returns a function that repairs it.
	breaks func(*store) (repair func())
	// turns are the scrapes while it is broken, half a minute apart.
	turns int
	// each runs before each scrape, in place of the usual traffic. It ends when its operations
	// have, so that a turn has the same operations on every machine.
	each func(*store)
	// alerts are those that fire. No other one does.
	alerts []string
}

const (
	// calm is how many scrapes precede a fault.
	calm = 6
	// calmAttempts bounds how often they begin anew.
	calmAttempts = 5
	// broken is how many scrapes follow it, unless it says otherwise: enough for 20 operations
	// to fail, and for the alerts about them to wait.
	broken = 20
)

func TestAlertsFireForFaults(t *testing.T) { fire(t, patience, faults()) }

func TestAlertsFireForServicesThatHang(t *testing.T) {
	var all []fault
	for _, service := range subgraphs.Names() {
		all = append(all, hanging(service))
	}
	fire(t, impatience, all)
}

// fire breaks a store in each way, and compares the alerts.
func fire(t *testing.T, timeout time.Duration, faults []fault) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes; make faults runs it")
	}
	s := startStore(t, timeout)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			p := s.calmly(t)
			if fired := p.firing(); len(fired) > 0 {
				t.Fatalf("before the fault, these fire: %q", fired)
			}
			repair := f.breaks(s)
			for range cmp.Or(f.turns, broken) {
				if f.each != nil {
					f.each(s)
				} else {
					s.visit()
				}
				p.turn(s.targets())
			}
			repair()
			slices.Sort(f.alerts)
			if fired := p.firing(); !slices.Equal(fired, f.alerts) {
				t.Errorf("got alerts %q, want %q\n%s", fired, f.alerts, p.value(`{__name__=~"slo:.*rate(5m|1h)|result:.*|type:.*|subgraph:refusals:.*|router:client_errors:.*"}`))
			}
		})
	}
}

// calmly returns a Prometheus that has seen a store in which all customers are served. Those who were
// not would count towards the alerts of the fault, so the scrapes begin anew, with another Prometheus.
func (s *store) calmly(t *testing.T) *prometheus {
	t.Helper()
	for range calmAttempts {
		eventually(t, "the store is well before the fault", s.well)
		p := startPrometheus(t)
		if s.calm(p) {
			return p
		}
		t.Log("a customer was not served before the fault")
	}
	t.Fatalf("customers were not served before the fault, %d times", calmAttempts)
	return nil
}

// calm scrapes a store, and reports whether all customers were served.
func (s *store) calm(p *prometheus) bool {
	for range calm {
		if !s.visit() {
			return false
		}
		p.turn(s.targets())
	}
	return true
}
