package processtime

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestStateOfAProcessWithAnOddName(t *testing.T) {
	got, err := parseStat([]byte("42 (a) b (c) S 7 42 42 0 -1 4194304 900 0 0 0 250 50 1 1 20 0 4 0 100 200 300"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (processStat{pid: 42, parent: 7, cpu: 3 * time.Second, ended: 20 * time.Millisecond}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, text := range []string{"", "42 S 7", "42 (a) S 7 1", "x (a) S 7 42 42 0 -1 4194304 900 0 0 0 250 50"} {
		if got, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestFamilyHasDescendantsOnly(t *testing.T) {
	all := []processStat{{pid: 9, parent: 5}, {pid: 1}, {pid: 5, parent: 3}, {pid: 3, parent: 1}, {pid: 4, parent: 1}}
	var got []int
	for _, p := range family(all, 3) {
		got = append(got, p.pid)
	}
	if slices.Sort(got); !slices.Equal(got, []int{3, 5, 9}) {
		t.Errorf("got %v", got)
	}
}

// The processor time of children that run counts.
func TestUsageReadsThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc")
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; read line")
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	own, _, err := Of(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	both, resident, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if own <= 0 || both < own || resident <= 0 {
		t.Errorf("the child used %v, both %v, with %d bytes", own, both, resident)
	}
	_ = input.Close()
	_ = child.Wait()
}

// What a child of a process uses counts, also after it has ended.
func TestProcessorTimeIncludesChildren(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs /proc")
	}
	// The shell's child counts in a loop, and the shell lives on until its input ends.
	shell := exec.CommandContext(t.Context(), "sh", "-c", `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo done; read line`)
	input, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 5)
	if _, err := io.ReadFull(output, line); err != nil || !bytes.Equal(line, []byte("done\n")) {
		t.Fatalf("got %q, %v", line, err)
	}
	if used, _, err := Of(shell.Process.Pid); err != nil || used < tick {
		t.Errorf("got %v, %v", used, err)
	}
	_ = input.Close()
	_ = shell.Wait() // read fails at the end of its input
	if _, _, err := Of(shell.Process.Pid); err == nil {
		t.Error("a process that has ended has a processor time")
	}
}
