//go:build unix

package hostile_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"souk/cli"
)

// These environment variables make the test binary the souk command, or an attacker
// process whose order is the value.
const (
	runMain   = "SOUK_HOSTILE_RUN_MAIN"
	runAttack = "SOUK_HOSTILE_ATTACK"
)

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		go endWithParent()
		os.Exit(cli.Main(cli.WithVersion("test")))
	}
	if order := os.Getenv(runAttack); order != "" {
		go endWithParent()
		os.Exit(attackNow(order))
	}
	os.Exit(m.Run())
}

// full is set if the attacks run for their full length, as in `make hostile`.
var full = os.Getenv("SOUK_HOSTILE") == "full"

// suites are the attacks by their target.
var suites = map[string]func() []attack{
	"router": func() []attack { return slices.Concat(cacheAttacks(), workAttacks(), connectionAttacks()) },
	"store":  func() []attack { return slices.Concat(storeAttacks(), storeStreamAttacks()) },
}

func TestRouterSurvivesHostileClients(t *testing.T) {
	needProc(t)
	startRouter(t).outlives(t, "router")
}

func TestStoreSurvivesHostileClients(t *testing.T) {
	needProc(t)
	if !full {
		t.Skip("the store is attacked only by `make hostile`")
	}
	startStore(t).outlives(t, "store")
}

func needProc(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("resident memory needs /proc")
	}
}

// outlives runs the attacks of a suite in sequence.
func (s *target) outlives(t *testing.T, suite string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { s.watch(ctx) })
	for _, a := range suites[suite]() {
		t.Run(a.name, func(t *testing.T) { s.outlive(t, suite, a) })
	}
	if after := s.ask(20); len(after.answered) != 20 {
		t.Errorf("after all attacks: got %d of 20 responses", len(after.answered))
	}
}

// outlive runs one attack and checks how the process and its well-behaved client cope.
func (s *target) outlive(t *testing.T, suite string, a attack) {
	s.peak.Store(0)
	o := order{Suite: suite, Attack: a.name, Address: s.address, Turns: 12, Length: 2 * time.Second}
	var idle samples
	if full {
		o.Turns, o.Length = 1<<30, 10*time.Second
		idle = s.ask(200) // measured now, since the load of the machine may have changed
	}
	var during samples
	did := attacked(t, o, func(ended <-chan struct{}) {
		for {
			during.add(s.ask(10))
			select {
			case <-ended:
			default:
				if full || len(during.answered) < 20 && !s.ended.Load() {
					continue
				}
			}
			break
		}
	})
	t.Logf("%d turns, responses %v; idle p99 %v, under attack p50 %v, p99 %v of %d, %d refused; at most %d MiB resident",
		did.Turns, did.Answers, idle.at(0.99), during.at(0.5), during.at(0.99), len(during.answered), during.refused, s.peak.Load()>>20)
	if s.ended.Load() {
		t.Fatalf("the process exited:\n%s", s.log.tail())
	}
	if peak := s.peak.Load(); peak > maxResident {
		t.Errorf("got %d MiB resident, want at most %d", peak>>20, maxResident>>20)
	}
	if len(during.answered) == 0 {
		t.Errorf("the well-behaved client got no response:\n%s", s.log.tail())
	}
	if during.refusedShare() > maxRefused {
		t.Errorf("%d of %d requests were refused, want at most %.0f %%:\n%s", during.refused, during.refused+len(during.answered), 100*maxRefused, s.log.tail())
	}
	if full && during.at(0.99) > 5*max(idle.at(0.99), 10*time.Millisecond) {
		t.Errorf("the 99th percentile rose from %v to %v", idle.at(0.99), during.at(0.99))
	}
}
