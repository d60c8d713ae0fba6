//go:build unix

package main_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"souk/internal/outputtest"
)

// Ctrl-C in a terminal ends `make run` with status 0 and no error, and the shell has the
// terminal again.
func TestMakeRunEndsWithControlC(t *testing.T) {
	for _, shell := range []string{"/bin/sh", "/bin/bash"} {
		t.Run(filepath.Base(shell), func(t *testing.T) {
			if _, err := os.Stat(shell); err != nil {
				t.Skip("there is no", shell)
			}
			var shown outputtest.Buffer
			run := exec.CommandContext(t.Context(), "sh", "-c", `"$@"; status=$?; read line; echo "ended with $status, read $line"`, "sh",
				"make", "run", "LISTEN=localhost:0", "DIR="+t.TempDir(), "SHELL="+shell)
			terminal, err := pty.Start(run)
			if err != nil {
				t.Skipf("there are no pseudo terminals: %v", err)
			}
			var copying sync.WaitGroup
			copying.Go(func() { _, _ = io.Copy(&shown, terminal) }) // until the last process ends
			t.Cleanup(func() {
				_ = terminal.Close() // which hangs up what is left
				copying.Wait()
			})
			awaitOutput(t, &shown, "Press Ctrl-C to stop.")
			if _, err := terminal.WriteString("\x03"); err != nil {
				t.Fatal(err)
			}
			awaitOutput(t, &shown, "Stopping Souk.")
			if _, err := terminal.WriteString("something\n"); err != nil {
				t.Fatal(err)
			}
			if err := run.Wait(); err != nil {
				t.Fatalf("the shell ends with %v:\n%s", err, shown.String())
			}
			awaitOutput(t, &shown, "ended with ")
			if want := "ended with 0, read something"; !strings.Contains(shown.String(), want) {
				t.Errorf("got no %q", want)
			}
			checkNoError(t, &shown)
		})
	}
}

// An interrupt of the whole process group ends `make run` without an error, also without a
// terminal. make itself ends by the signal, as it always does.
func TestMakeRunEndsWithItsGroup(t *testing.T) {
	var shown outputtest.Buffer
	run := exec.CommandContext(t.Context(), "make", "run", "LISTEN=localhost:0", "DIR="+t.TempDir())
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Stdout, run.Stderr = &shown, &shown
	if err := run.Start(); err != nil {
		t.Skip(err)
	}
	awaitOutput(t, &shown, "Press Ctrl-C to stop.")
	if err := syscall.Kill(-run.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait() // it ends by the signal
	awaitOutput(t, &shown, "Stopping Souk.")
	checkNoError(t, &shown)
}

// awaitOutput waits until a program has written a text. It may have to be built first.
func awaitOutput(t *testing.T, shown *outputtest.Buffer, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Minute); !strings.Contains(shown.String(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got no %q:\n%s", text, shown.String())
		}
	}
}

func checkNoError(t *testing.T, shown *outputtest.Buffer) {
	t.Helper()
	for _, wrong := range []string{"***", "signal:", "Error", "rror:"} {
		if strings.Contains(shown.String(), wrong) {
			t.Errorf("the output has %q:\n%s", wrong, shown.String())
		}
	}
}
