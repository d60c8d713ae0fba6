//go:build unix

package compose_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"souk/router/compose"
)

var (
	beside  = flag.Bool("beside", false, "run BenchmarkPrograms")
	program = flag.String("program", "", "another program for BenchmarkPrograms; its argument is a folder with NAME.graphql for each subgraph")
)

// A contender is a program that composes.
type contender struct {
	name  string
	run   func() *exec.Cmd
	total usage
}

// usage is what runs of a program have taken.
type usage struct {
	wall, cpu time.Duration
	peak      float64 // memory, in MB
}

// BenchmarkPrograms composes the graphs of BenchmarkCompose with whole programs, in turn:
// souk compose, Apollo's composition in Node if that is installed, and another program
// if one is given. It reports for each the time, the time of all processors, and the
// peak of memory, with starting and reading files.
func BenchmarkPrograms(b *testing.B) {
	if !*beside {
		b.Skip("runs other programs; -beside starts it")
	}
	souk := filepath.Join(b.TempDir(), "souk")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", souk, "souk").CombinedOutput(); err != nil {
		b.Fatalf("building souk: %v\n%s", err, out)
	}
	for _, size := range []struct{ subgraphs, types int }{{30, 600}, {100, 5000}} {
		b.Run(fmt.Sprintf("%dx%d", size.subgraphs, size.types), func(b *testing.B) {
			all := contenders(b, souk, generated(size.subgraphs, size.types))
			for b.Loop() {
				for _, c := range all {
					c.measure(b)
				}
			}
			b.ReportMetric(0, "ns/op") // of all programs together
			for _, c := range all {
				b.ReportMetric(c.total.wall.Seconds()/float64(b.N), c.name+"-s/op")
				b.ReportMetric(c.total.cpu.Seconds()/float64(b.N), c.name+"-cpu-s/op")
				b.ReportMetric(c.total.peak, c.name+"-peak-MB")
			}
		})
	}
}

func contenders(b *testing.B, souk string, subgraphs []compose.Subgraph) []*contender {
	b.Helper()
	dir := b.TempDir()
	var config strings.Builder
	config.WriteString("subgraphs:\n")
	for _, s := range subgraphs {
		fmt.Fprintf(&config, "  %s:\n    routing_url: %s\n    schema:\n      file: %s.graphql\n", s.Name, s.URL, s.Name)
		writeFile(b, filepath.Join(dir, s.Name+".graphql"), []byte(s.SDL))
	}
	path := filepath.Join(dir, "supergraph.yaml")
	writeFile(b, path, []byte(config.String()))
	all := []*contender{{name: "souk", run: func() *exec.Cmd {
		return exec.CommandContext(b.Context(), souk, "compose", "--config", path, "--output", filepath.Join(dir, "supergraph"))
	}}}
	if script, err := installApollo(b); err != nil {
		b.Log(err)
	} else {
		input := apolloInput(b, [][]compose.Subgraph{subgraphs})
		all = append(all, &contender{name: "node", run: func() *exec.Cmd {
			cmd := exec.CommandContext(b.Context(), "node", script)
			cmd.Stdin = bytes.NewReader(input)
			return cmd
		}})
	}
	if *program != "" {
		all = append(all, &contender{name: filepath.Base(*program), run: func() *exec.Cmd {
			return exec.CommandContext(b.Context(), *program, dir) //nolint:gosec // who runs the benchmark names it
		}})
	}
	return all
}

func writeFile(b *testing.B, path string, text []byte) {
	b.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
}

// measure runs the program once.
func (c *contender) measure(b *testing.B) {
	b.Helper()
	cmd := c.run()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s: %v\n%s", c.name, err, stderr.String())
	}
	if bytes.HasPrefix(stdout.Bytes(), []byte(`[{"errors"`)) { // of the script for Node
		b.Fatalf("%s does not compose the subgraphs: %.500s", c.name, stdout.String())
	}
	c.total.wall += time.Since(began)
	c.total.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	kilobyte := 1024.0
	if runtime.GOOS == "darwin" {
		kilobyte = 1 // Maxrss is in bytes there
	}
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.total.peak = max(c.total.peak, float64(used.Maxrss)*kilobyte/(1<<20))
	}
}
