package pgserver

import "syscall"

// attributes detach the server from the terminal's Ctrl-C, so that it outlives
// the draining services. Windows has no root user that Postgres refuses.
func (*owner) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
