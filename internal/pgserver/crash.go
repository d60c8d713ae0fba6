package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
)

// Crash ends a server that Start ran at once, as a power cut would end its
// processes: statements in progress are lost, what was committed is not.
// Recover starts it again.
func (s *Server) Crash() error {
	if s.process == nil {
		return errors.New("the Postgres is not one that was started here: it cannot be made to crash")
	}
	// SIGQUIT is Postgres's immediate shutdown: its children end with it, so
	// that none holds the data when it is started again.
	s.expected.Store(true)
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("ending postgres: %w", err)
	}
	<-s.exited
	return nil
}

// Recover starts a crashed server with the same data at the same address, and
// returns when it accepts connections.
func (s *Server) Recover(ctx context.Context) error {
	if s.process == nil {
		return errors.New("the Postgres is not one that was started here: it cannot be started again")
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	crashed, log := s.process, new(tail)
	cmd := exec.Command(crashed.Path, crashed.Args[1:]...) //nolint:noctx // ctx bounds the start, Stop ends it
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = crashed.Dir, log, log, crashed.SysProcAttr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting postgres again: %w", err)
	}
	exited := make(chan struct{})
	s.process, s.exited = cmd, exited
	s.expected.Store(false)
	go s.watch(cmd, exited, log)
	return s.awaitReady(ctx, cmd.Dir, log)
}
