//go:build unix

package processgroup

import (
	"os/exec"
	"syscall"
)

// Own puts a command into a process group of its own, before it starts. An interrupt from the
// terminal does not reach it, and when its context is done, the whole group gets SIGTERM.
func Own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}

// Kill ends what a command has left behind.
func Kill(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nothing left
	}
}
