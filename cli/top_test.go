package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"souk/internal/loopback/loopbacktest"
)

// consoleRouter starts a router with a console, as a process, and returns the URL of its admin
// port.
func consoleRouter(t *testing.T) string {
	t.Helper()
	subgraph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":{"hello":"hello"}}`)
	}))
	t.Cleanup(subgraph.Close)
	listen, admin := loopbacktest.Address(t), loopbacktest.Address(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"supergraph.graphql": supergraph,
		"router.yaml": fmt.Sprintf("listen: %q\nadmin: {listen: %q, console: {enabled: true, token: console-t0ken, sample: 1}}\noverride_subgraph_urls: {a: %q}\n",
			listen, admin, subgraph.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := souk(t, nil, "router", "--config", filepath.Join(dir, "router.yaml"), "--supergraph", filepath.Join(dir, "supergraph.graphql"))
	await(t, p, "the router is ready", func() bool { return status(t, "http://"+admin+"/readyz") == http.StatusOK })
	for range 3 {
		response, err := http.Post("http://"+listen+"/graphql", "application/json", strings.NewReader(`{"query":"query Greeting { hello }"}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	return "http://" + admin
}

// A screen is what a terminal shows. The test reads it while the process writes, for which String
// and Close of vt.SafeEmulator are not safe.
type screen struct {
	mu sync.Mutex
	*vt.Emulator
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Emulator.Write(p)
}

func (s *screen) Resize(width, height int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Emulator.Resize(width, height)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Emulator.String()
}

// Close ends Read, and nothing else.
func (s *screen) Close() error {
	pipe, ok := s.InputPipe().(io.Closer)
	if !ok {
		return errors.New("the input of the screen cannot be closed")
	}
	return pipe.Close()
}

// A terminal is a pseudo terminal that a process runs in, with the screen that a user sees.
type terminal struct {
	t      *testing.T
	file   *os.File
	screen screen
	cmd    *exec.Cmd
	ended  chan error
	read   chan struct{} // closed when all output is in screen and output
	output lockedBuffer
}

type lockedBuffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// inTerminal runs a souk command in a terminal.
func inTerminal(t *testing.T, width, height int, environment []string, args ...string) *terminal {
	t.Helper()
	x := &terminal{t: t, screen: screen{Emulator: vt.NewEmulator(width, height)}, ended: make(chan error, 1), read: make(chan struct{})}
	x.cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	x.cmd.Env = append(append(os.Environ(), runMain+"=1", "TERM=xterm-256color"), environment...)
	var err error
	if x.file, err = pty.StartWithSize(x.cmd, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		t.Skipf("there are no pseudo terminals: %v", err)
	}
	var copying sync.WaitGroup
	copying.Go(func() {
		defer close(x.read)
		_, _ = io.Copy(io.MultiWriter(&x.screen, &x.output), x.file) // until the process ends
	})
	copying.Go(func() { _, _ = io.Copy(x.file, &x.screen) }) // answers to queries of the program
	go func() { x.ended <- x.cmd.Wait() }()
	t.Cleanup(func() {
		_ = x.cmd.Process.Kill()
		_ = x.file.Close()
		_ = x.screen.Close()
		copying.Wait()
	})
	return x
}

// text returns the screen.
func (x *terminal) text() string { return x.screen.String() }

func (x *terminal) shows(what string) {
	x.t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(x.text(), what); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("the screen never shows %q; it is\n%s", what, x.text())
		}
	}
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	if _, err := io.WriteString(x.file, keys); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) ends(t *testing.T) {
	t.Helper()
	select {
	case err := <-x.ended:
		if err != nil {
			t.Errorf("the command failed: %v", err)
		}
		<-x.read
	case <-time.After(patience):
		t.Fatal("the command does not end")
	}
}

func TestTopInTerminal(t *testing.T) {
	url := consoleRouter(t)
	x := inTerminal(t, 80, 24, []string{"SOUK_CONSOLE_TOKEN=console-t0ken"}, "top", "--url", url, "--interval", "1s")
	x.shows("Greeting")
	x.shows("[Operations 1]")
	x.types("\t")
	x.shows("[Subgraphs 1]")
	x.types("\x1b[Z\r") // shift+tab, enter
	x.shows("query Greeting")
	x.shows("█") // the waterfall of the latest trace
	if err := pty.Setsize(x.file, &pty.Winsize{Rows: 30, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	x.screen.Resize(120, 30)
	x.types("\x1b") // escape
	x.shows("KIND") // a column for which 80 cells are too few
	x.types("q")
	x.ends(t)
	if got := x.output.String(); !strings.Contains(got, "\x1b[?1049l") {
		t.Error("the command does not leave the alternate screen")
	}
}

func TestTopHonoursNoColor(t *testing.T) {
	url := consoleRouter(t)
	x := inTerminal(t, 80, 24, []string{"SOUK_CONSOLE_TOKEN=console-t0ken", "NO_COLOR=1"}, "top", "--url", url)
	x.shows("Greeting")
	x.types("p")
	x.shows("Paused")
	x.types("\x03") // ctrl+c
	x.ends(t)
	for _, sequence := range []string{"\x1b[31m", "\x1b[33m", "\x1b[38;"} {
		if strings.Contains(x.output.String(), sequence) {
			t.Errorf("the output has the colour %q", sequence)
		}
	}
}

func TestTopNeedsATerminalThatCanMoveItsCursor(t *testing.T) {
	x := inTerminal(t, 80, 24, []string{"TERM=dumb"}, "top")
	x.shows("use --once or --json")
	if strings.Contains(x.output.String(), "\x1b") {
		t.Errorf("the output has escape sequences: %q", x.output.String())
	}
}

func TestTopPrintsOneSnapshot(t *testing.T) {
	url := consoleRouter(t)
	p := souk(t, nil, "top", "--url", url, "--token", "console-t0ken", "--once")
	if status := p.wait(t); status != 0 || !strings.Contains(p.stdout.String(), "Greeting") || strings.Contains(p.stdout.String(), "\x1b") {
		t.Errorf("exit status %d, output\n%s%s", status, &p.stdout, &p.stderr)
	}
	p = souk(t, []string{"SOUK_CONSOLE_TOKEN=console-t0ken"}, "top", "--url", url, "--json")
	var printed struct {
		Operations struct{ Operations []struct{ Name string } }
	}
	if status := p.wait(t); status != 0 || json.Unmarshal([]byte(p.stdout.String()), &printed) != nil || printed.Operations.Operations[0].Name != "Greeting" {
		t.Errorf("exit status %d, output\n%s%s", status, &p.stdout, &p.stderr)
	}
	file := filepath.Join(t.TempDir(), "token")
	for text, works := range map[string]bool{"console-t0ken\n": true, "": false, "console-t0ken\nother": false} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := souk(t, []string{"SOUK_CONSOLE_TOKEN=wrong"}, "top", "--url", url, "--token-file", file, "--once")
		if !works {
			p.refuses(t, "must have one line")
		} else if status := p.wait(t); status != 0 || !strings.Contains(p.stdout.String(), "Greeting") {
			t.Errorf("exit status %d, output\n%s%s", status, &p.stdout, &p.stderr)
		}
	}
	souk(t, nil, "top", "--url", url, "--token-file", file+"-missing", "--once").refuses(t, "--token-file")
	souk(t, nil, "top", "--url", url, "--token", "console-t0ken").refuses(t, "use --once or --json")
	souk(t, nil, "top", "--url", url, "--once").refuses(t, "needs a token")
	souk(t, nil, "top", "--url", url, "--once", "--token", "wrong").refuses(t, "rejected the token")
	souk(t, nil, "top", "--url", "http://"+loopbacktest.Address(t), "--once").refuses(t, "cannot reach the router")
	souk(t, nil, "top", "--url", "localhost:9090", "--once").refuses(t, "set it to the URL of an admin port")
	souk(t, nil, "top", "--window", "3s", "--once").refuses(t, "from 1m to 1h")
}
