package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"souk/cli"
)

// Every command says what is wrong with its arguments and flags in its own words, with how it
// is written, and ends with status 2.
func TestWrongFlagsAndArgumentsHaveStatus2(t *testing.T) {
	leaves(cli.New(), func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		mistakes := [][]string{{"--no-such-flag"}, {"-~"}}
		if cmd.Args != nil && cmd.Args(cmd, slices.Repeat([]string{"x"}, 9)) != nil {
			mistakes = append(mistakes, slices.Repeat([]string{"x"}, 9))
		}
		if cmd.Args != nil && cmd.Args(cmd, nil) != nil {
			mistakes = append(mistakes, nil)
		}
		for _, name := range []string{"json", "port", "timeout", "poll", "limit"} {
			if cmd.Flags().Lookup(name) != nil {
				mistakes = append(mistakes, []string{"--" + name + "=wrong"})
			}
		}
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			t.Parallel()
			for _, wrong := range mistakes {
				p := souk(t, nil, append(slices.Clone(path), wrong...)...)
				status, said := p.wait(t), p.says()
				if status != 2 || len(said) != 2 || !strings.Contains(said[1], "usage: "+cmd.CommandPath()) {
					t.Errorf("%v: got status %d and %q", wrong, status, said)
				}
				for _, words := range []string{"arg(s)", "flag(s)", "strconv", "parsing", "invalid argument"} {
					if strings.Contains(strings.Join(said, " "), words) {
						t.Errorf("%v: got %q", wrong, said)
					}
				}
			}
		})
	})
}

// souk sample checks its options before it makes anything.
func TestSampleRefusesImpossibleSizes(t *testing.T) {
	for _, wrong := range [][]string{
		{"--orders=-3"}, {"--users=0"}, {"--users=-1"}, {"--products=-1"}, {"--products=0", "--orders=5"}, {"--notification-days=-1"},
	} {
		dir := filepath.Join(t.TempDir(), "store")
		p := souk(t, nil, append([]string{"sample", "--dir", dir}, wrong...)...)
		if status, said := p.wait(t), strings.Join(p.says(), " "); status != 2 || strings.Contains(said, "Generating") {
			t.Errorf("%v: got status %d and %q", wrong, status, said)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v: the store was made", wrong)
		}
	}
}

// Running subgraphs that do not compose are reported as `souk compose` does: each error with
// its places on lines of their own.
func TestRouterReportsEachCompositionError(t *testing.T) {
	serve := func(sdl string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"data":{"_service":{"sdl":"` + sdl + `"}}}`))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	a, b := serve("type Query { a: Int b: Int }"), serve("type Query { a: String b: String }")
	p := souk(t, nil, "router", "--listen", "127.0.0.1:0", "--subgraph", "a="+a, "--subgraph", "b="+b)
	status, said := p.wait(t), p.says()
	dir := writeFiles(t, map[string]string{"supergraph.yaml": "subgraphs: {a: {routing_url: '" + a + "', schema: {subgraph_url: '" + a + "'}}, b: {routing_url: '" + b + "', schema: {subgraph_url: '" + b + "'}}}"})
	composed := soukIn(t, dir, nil, "compose")
	composed.wait(t)
	if want := composed.says(); status != 1 || !slices.Equal(said, want) || len(want) < 5 {
		t.Errorf("got status %d and\n%s\nwant\n%s", status, strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}
