package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"souk/internal/outputtest"
)

// Each rate has a line, whose figures come from a real router that has loaded all versions of the
// supergraph under load.
func TestReloadsAreMeasured(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := parseReloading([]string{"-souk", self, "-types", "20", "-reloads", "2", "-pause", "20ms", "-connections", "2", "-rates", "500,0"})
	if err != nil {
		t.Fatal(err)
	}
	log, out := new(outputtest.Buffer), new(bytes.Buffer)
	r.settled, r.directory, r.log, r.out = time.Millisecond, t.TempDir(), log, out
	if err := r.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if n := len(regexp.MustCompile(`(?m)^ +[0-9]+ .*\(goals: 1\.25, 200 MiB\)$`).FindAllString(out.String(), -1)); n != 2 {
		t.Errorf("got\n%s", out)
	}
	if n := strings.Count(log.String(), "supergraph loaded"); n != 2*3 {
		t.Errorf("two routers have loaded %d supergraphs, want 3 each\n%s", n, log)
	}
}

func TestFlagsOfReloadsAreChecked(t *testing.T) {
	for arguments, want := range map[string]string{
		"":                      "-souk",
		"-souk x -types 0":      "positive",
		"-souk x -rates 1,fast": "-rates",
		"-souk x -pause -1s":    "positive",
	} {
		if _, err := parseReloading(strings.Fields(arguments)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", arguments, err)
		}
	}
}
