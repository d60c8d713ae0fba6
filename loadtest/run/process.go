package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// readyTimeout bounds how long a program may take to become ready.
	readyTimeout = 60 * time.Second
	// endTimeout bounds how long a program may take to finish its work.
	endTimeout = 60 * time.Second
)

// A process runs the souk program and can be killed and started again.
type process struct {
	name, binary, log string
	args              []string
	variables         map[string]string // environment variables
	url               string            // /readyz below it responds with 200 when the program is ready
	cmd               *exec.Cmd
}

func (p *process) address() string { return strings.TrimPrefix(p.url, "http://") }

// start starts the program and waits until it is ready.
func (p *process) start(ctx context.Context) error {
	p.cmd = exec.Command(p.binary, p.args...) //nolint:noctx // ctx bounds the start only; kill ends it
	p.cmd.Env = append(os.Environ(), "LOG_LEVEL=error")
	for key, value := range p.variables {
		p.cmd.Env = append(p.cmd.Env, key+"="+value)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", p.name, err)
	}
	defer log.Close() // the process has its own descriptor
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	return poll(ctx, readyTimeout, func() error { return p.ready(ctx) })
}

func (p *process) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("requesting %s: %w", p.name, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("requesting %s: %w", p.name, err)
	}
	if res.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("%s is not ready: status %d", p.name, res.StatusCode), res.Body.Close())
	}
	return res.Body.Close()
}

// end asks the program to stop and waits until it has finished its work.
func (p *process) end() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	overdue := time.AfterFunc(endTimeout, func() { _ = p.cmd.Process.Kill() }) // Wait returns the error
	defer overdue.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	p.cmd = nil
	return nil
}

// kill kills the process. It loses what it has in memory.
func (p *process) kill() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	_ = p.cmd.Wait() // a killed process always ends with an error
	p.cmd = nil
	return nil
}
