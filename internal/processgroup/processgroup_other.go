//go:build !unix

package processgroup

import "os/exec"

// Own does nothing: without process groups, a command ends alone.
func Own(*exec.Cmd) {}

// Kill does nothing.
func Kill(*exec.Cmd) {}

// KillEnding does nothing.
func KillEnding() {}
