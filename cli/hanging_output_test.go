//go:build unix

package cli_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"souk/internal/loopback/loopbacktest"
)

// fullPipe returns the end of a pipe that takes nothing more, and that nobody reads.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	fd := int(w.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = syscall.Write(fd, make([]byte, 1))
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return w
}

// A router answers and ends although nobody reads its standard output, with the access log, or its
// standard error.
func TestRouterEndsWhileItsOutputHangs(t *testing.T) {
	for _, test := range []struct {
		name  string
		hangs func(*process, *os.File)
	}{
		{"standard output", func(p *process, pipe *os.File) { p.Stdout = pipe }},
		{"standard error", func(p *process, pipe *os.File) { p.Stderr = pipe }},
		{"both", func(p *process, pipe *os.File) { p.Stdout, p.Stderr = pipe, pipe }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := loopbacktest.Address(t)
			file := routerFiles(t, address, "", "supergraph: {file: GRAPH}\ntelemetry: {access_log: {enabled: true}}\n")
			p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], "router", "--config", file), ended: make(chan error, 1)}
			p.Env = append(os.Environ(), runMain+"=1", "OTEL_TRACES_EXPORTER=console", "OTEL_METRICS_EXPORTER=console", "OTEL_LOGS_EXPORTER=console")
			p.Stdout, p.Stderr = &p.stdout, &p.stderr
			test.hangs(p, fullPipe(t))
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			go func() { p.ended <- p.Wait() }()
			await(t, p, "the router answers", func() bool { return status(t, "http://"+address+"/graphql?query={__typename}") != 0 })
			p.interrupt(t)
			p.wait(t)
		})
	}
}
