package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"souk/cli"
	"souk/internal/outputtest"
)

// The test program is also each of the programs that the benchmark starts.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_MAIN") != "" {
		main()
		os.Exit(0)
	}
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "router":
			os.Exit(cli.Main())
		case "subgraphs", "floor":
			if err := dispatch(context.Background(), os.Args[1:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// short returns a grid whose slices end after a few requests.
func short(t *testing.T, names string) (g *grid, out *bytes.Buffer) {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := choose(names)
	if err != nil {
		t.Fatal(err)
	}
	out = new(bytes.Buffer)
	log := new(outputtest.Buffer)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return &grid{
		souk: self, self: []string{self}, workloads: chosen, dedupe: []string{dedupeOff}, procs: []int{0},
		rounds: 2, slice: time.Minute, requests: 20, directory: t.TempDir(), log: log, out: out,
	}, out
}

// Each workload runs through real processes, and each line has a ratio. The workloads send what
// their descriptions say.
func TestEachWorkloadIsMeasured(t *testing.T) {
	g, out := short(t, "")
	if err := g.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, w := range g.workloads {
		if !strings.Contains(out.String(), w.description) {
			t.Errorf("%s is not printed", w.name)
		}
	}
	if n := strings.Count(out.String(), "(goal: "); n != len(g.workloads) {
		t.Errorf("%d of %d workloads have a line for the router:\n%s", n, len(g.workloads), out)
	}
}

// What the floor repeats is what the router did: the same number of requests to the subgraphs, and a
// response of the size of the public benchmark's.
func TestBenchmarkQueryIsThatOfThePublicBenchmark(t *testing.T) {
	g, out := short(t, "benchmark")
	if err := g.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := readRecording(filepath.Join(g.directory, "recording.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Calls) < 4 || len(r.Calls) > 8 {
		t.Errorf("the router sent %d requests", len(r.Calls))
	}
	if n := len(r.Response); n < 80_000 || n > 95_000 {
		t.Errorf("the response has %d bytes", n)
	}
	if n := strings.Count(out.String(), fmt.Sprintf(" %d.00 ", len(r.Calls))); n != 2 {
		t.Errorf("%d programs sent %d requests:\n%s", n, len(r.Calls), out)
	}
}

// A peer gets what it needs from its environment, and its response must be that of the router.
func TestPeerIsMeasuredBesideTheRouter(t *testing.T) {
	g, out := short(t, "flat")
	self, err := json.Marshal(g.souk)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "peer")
	script := "#!/bin/sh\ntest \"$DEDUPE\" = off && test -f \"$GRAPH/supergraph.yaml\" || exit 3\n" +
		"ROUTER_ADMIN_LISTEN=127.0.0.1:0 exec " + string(self) + " router --no-dedupe --supergraph \"$SUPERGRAPH\" --listen \"$ADDRESS\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	g.peers = []peer{{"other", program}}
	if err := g.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), " other ") {
		t.Errorf("the peer is not printed:\n%s", out)
	}
}

func TestProgramThatEndsIsReported(t *testing.T) {
	g, _ := short(t, "flat")
	g.peers = []peer{{"other", "/bin/false"}}
	if err := g.run(t.Context()); err == nil || !strings.Contains(err.Error(), "other has ended (exit status 1") {
		t.Errorf("got %v", err)
	}
}

func TestResponsesOfProgramsMustBeEqual(t *testing.T) {
	if err := equal([]byte(`{"data":{"a":1,"b":2}}`), []byte(`{"data": {"b": 2, "a": 1}}`)); err != nil {
		t.Error(err)
	}
	if err := equal([]byte(`{"data":{"a":1}}`), []byte(`{"data":{"a":2}}`)); err == nil {
		t.Error("different responses count as equal")
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for _, c := range []struct{ arguments, want string }{
		{"", "name the souk program"},
		{"-souk x -dedupe on", `-dedupe has "on"`},
		{"-souk x -procs -1", `-procs has "-1"`},
		{"-souk x -rounds 0", "must be positive"},
		{"-souk x -workloads huge", `there is no workload "huge"; there are benchmark, `},
		{"-souk x -peers hive", `-peers has "hive"`},
	} {
		if _, err := parse(strings.Fields(c.arguments)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.arguments, err)
		}
	}
	g, err := parse(strings.Fields("-souk x -workloads flat,slow -dedupe default -procs 0,2 -peers hive=./hive"))
	if err != nil || len(g.workloads) != 2 || g.workloads[1].name != "slow" || g.peers[0].program != "./hive" || g.procs[1] != 2 {
		t.Errorf("got %+v, %v", g, err)
	}
}
