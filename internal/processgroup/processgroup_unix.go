//go:build unix

package processgroup

import (
	"os/exec"
	"sync"
	"syscall"
)

// ending has the groups, by the process ID of their command, that got SIGTERM and may still run.
var ending struct {
	sync.Mutex
	groups map[int]bool
}

// Own puts a command into a process group of its own, before it starts. An interrupt from the
// terminal does not reach it, and when its context is done, the whole group gets SIGTERM.
func Own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		ending.Lock()
		defer ending.Unlock()
		if ending.groups == nil {
			ending.groups = map[int]bool{}
		}
		ending.groups[cmd.Process.Pid] = true
		return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	}
}

// Kill ends what a command has left behind. It must be called when the command has ended.
func Kill(cmd *exec.Cmd) {
	if cmd.Process == nil {
		return
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nothing left
	ending.Lock()
	defer ending.Unlock()
	delete(ending.groups, cmd.Process.Pid)
}

// KillEnding ends all groups that got SIGTERM and still run. It is for a process that is about to
// exit and does not wait for them.
func KillEnding() {
	ending.Lock()
	defer ending.Unlock()
	for group := range ending.groups {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}
