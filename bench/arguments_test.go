package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The program refuses what it does not know, with what there is, before it measures anything, and prints
// its usage when asked.
func TestArguments(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for arguments, want := range map[string]struct{ out, failure string }{
		"-souk X anyword":        {failure: "bench: bench does not know the argument \"anyword\"; there are:\n  bench -souk PROGRAM [flags] "},
		"-souk X reload":         {failure: "bench does not know the argument \"reload\"; there are:"},
		"anyword":                {failure: "bench does not know the argument \"anyword\""},
		"reload -souk X anyword": {failure: "bench reload does not know the argument \"anyword\""},
		"subgraphs":              {failure: "bench does not know the argument \"subgraphs\""},
		"-souk X -nothing":       {failure: "bench: flag provided but not defined: -nothing; bench -h lists the flags\n"},
		"":                       {failure: "name the souk program with -souk"},
		"-h":                     {out: "The flags of bench:\n  -dedupe"},
		"reload -h":              {out: "The flags of bench reload:\n  -connections"},
	} {
		t.Run(arguments, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), self, strings.Fields(arguments)...)
			c.Env = append(os.Environ(), "BENCH_MAIN=1")
			var out, failure strings.Builder
			c.Stdout, c.Stderr = &out, &failure
			err := c.Run()
			if (err == nil) != (want.failure == "") || !strings.Contains(out.String(), want.out) || !strings.Contains(failure.String(), want.failure) {
				t.Errorf("got %v, %q, %q", err, out.String(), failure.String())
			}
			if want.failure == "" && (failure.String() != "" || !strings.Contains(out.String(), forms)) {
				t.Errorf("got %q, %q", out.String(), failure.String())
			}
		})
	}
}
