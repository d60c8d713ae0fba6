package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
)

// Crash kills a server that Start ran, as a power failure would. Statements in
// progress are lost; committed data is not. Recover starts it again.
func (s *Server) Crash() error {
	if s.process == nil {
		return errors.New("cannot crash a Postgres that was not started here")
	}
	// SIGQUIT is Postgres's immediate shutdown. It also ends the child
	// processes, so that none uses the data when the server restarts.
	s.expected.Store(true)
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("killing Postgres: %w", err)
	}
	<-s.exited
	return nil
}

// Recover restarts a crashed server with the same data at the same address,
// and returns when it accepts connections.
func (s *Server) Recover(ctx context.Context) error {
	if s.process == nil {
		return errors.New("cannot restart a Postgres that was not started here")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	crashed, log := s.process, new(tail)
	cmd := exec.Command(crashed.Path, crashed.Args[1:]...) //nolint:noctx // ctx bounds the start, Stop ends it
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = crashed.Dir, log, log, crashed.SysProcAttr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("restarting Postgres: %w", err)
	}
	exited := make(chan struct{})
	s.process, s.exited = cmd, exited
	s.expected.Store(false)
	go s.watch(cmd, exited, log)
	return s.awaitReady(ctx, cmd.Dir, log)
}
