package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"souk/internal/processgroup"
)

const (
	// startTimeout bounds how long a program may take to answer its first request.
	startTimeout = 60 * time.Second
	// endTimeout bounds how long a program may take to end.
	endTimeout = 10 * time.Second
	// pollInterval is how often a program that starts is asked.
	pollInterval = 20 * time.Millisecond
)

// A process is a running program that serves on an address of this machine.
type process struct {
	name, address string
	cmd           *exec.Cmd
	cancel        context.CancelFunc
	ended         chan struct{} // closed when it has ended
	err           error         // why it has, once it has
}

// start starts a program with some environment variables besides those of this process. Its output
// goes to log.
func start(ctx context.Context, log io.Writer, name, address string, variables, command []string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{name: name, address: address, cancel: cancel, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the caller names the program
	processgroup.Own(p.cmd)
	p.cmd.WaitDelay = endTimeout
	p.cmd.Env = append(os.Environ(), variables...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		processgroup.Kill(p.cmd)
		close(p.ended)
	}()
	return p, nil
}

// stop ends the program and waits until it has.
func (p *process) stop() {
	p.cancel()
	<-p.ended
}

// ask repeats a request until the program responds with status 200, and returns the response. It
// gives up when the program ends.
func (p *process) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	wait := time.NewTicker(pollInterval)
	defer wait.Stop()
	for {
		response, err := request(ctx, method, "http://"+p.address+path, body)
		if err == nil {
			return response, nil
		}
		select {
		case <-p.ended:
			return nil, fmt.Errorf("%s has ended (%w) before it responded", p.name, errors.Join(p.err, err))
		case <-ctx.Done():
			return nil, fmt.Errorf("%s does not respond: %w", p.name, err)
		case <-wait.C:
		}
	}
}

func request(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("requesting %s: %w", url, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("requesting %s: %w", url, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return nil, fmt.Errorf("requesting %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("requesting %s: status %d: %.300s", url, response.StatusCode, text)
	}
	return text, nil
}
