//go:build unix && !linux

package pgserver

import "syscall"

// attributes detach the server from the terminal's Ctrl-C, so that it outlives
// the draining services, and set its user.
func (o *owner) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if o != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return attr
}
