//go:build !unix

package loop

import "os/exec"

// Without process groups, a command ends alone.
func ownGroup(*exec.Cmd) {}

func killGroup(*exec.Cmd) {}
