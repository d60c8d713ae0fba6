//go:build unix

package hostile_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	softLimit   = "GOMEMLIMIT=282MiB" // 55 % of 512 MiB
	maxResident = 400 << 20
	// maxRefused is the share of the well-behaved client's requests that may be refused or
	// fail to connect during an attack.
	maxRefused = 0.2
	patience   = 2 * time.Minute // bounds waits; reached only if something hangs
)

// A target is a souk process under attack.
type target struct {
	*exec.Cmd
	t       *testing.T
	address string
	// good is the request of the well-behaved client, and want a part of its response.
	good, want string
	log        output
	ended      atomic.Bool
	peak       atomic.Int64 // resident bytes
}

// An output stores the end of a process's output.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() > 1<<20 {
		o.buf.Reset()
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) tail() string {
	text := o.String()
	return text[max(0, len(text)-4000):]
}

// launch runs the souk command with the memory of a small pod. The process is asked to
// stop at the end of the test.
func launch(t *testing.T, args ...string) *target {
	t.Helper()
	s := &target{t: t}
	s.Cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	s.Env = append(os.Environ(), runMain+"=1", softLimit)
	s.Stdout, s.Stderr = &s.log, &s.log
	if _, err := s.StdinPipe(); err != nil { // see endWithParent
		t.Fatal(err)
	}
	s.Cancel = func() error { return s.Process.Signal(syscall.SIGTERM) }
	s.WaitDelay = 30 * time.Second
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Wait(); s.ended.Store(true) }()
	t.Cleanup(func() { <-done }) // the context has ended by then
	return s
}

// awaitReady waits until the process reports that it is ready.
func (s *target) awaitReady() {
	s.t.Helper()
	s.await(func() bool {
		response, err := http.Get("http://" + s.address + "/readyz") //nolint:noctx // the test's context ends the process
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// endWithParent makes this process stop when its parent has exited, even if it was
// killed: the parent holds the other end of standard input.
func endWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
}

func (s *target) await(state func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !state(); time.Sleep(20 * time.Millisecond) {
		if s.ended.Load() || time.Now().After(end) {
			s.t.Fatalf("the process exited or hangs:\n%s", s.log.tail())
		}
	}
}

// resident reads the process's resident memory, in bytes.
func (s *target) resident() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// watch records the peak of the resident memory until ctx ends.
func (s *target) watch(ctx context.Context) {
	for ctx.Err() == nil {
		s.peak.Store(max(s.peak.Load(), s.resident()))
		time.Sleep(10 * time.Millisecond) // the sampling interval
	}
}
