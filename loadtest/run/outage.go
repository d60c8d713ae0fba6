package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"souk/dev"
	"souk/subgraphs"
)

const (
	downTime = 3 * time.Second // how long a part is away
	upTime   = 4 * time.Second // how long the store then has before the next goes
)

// An outage takes a part of the store away and brings it back.
type outage struct {
	name  string
	kill  func() error
	start func(context.Context) error
}

type outages []outage

// newOutages puts every service into a process of its own, so that it can be
// killed, and says what can be taken away.
func newOutages(ctx context.Context, store *dev.System, redis *redisProcess, dir string) (outages, func(), error) {
	binary := filepath.Join(dir, "souk")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("building souk: %w: %s", err, text)
	}
	list := outages{{"Redis", func() error { redis.kill(); return nil }, redis.start}}
	if redis == nil {
		list = outages{{"Redis", store.StopRedis, store.StartRedis}}
	}
	var services []*serviceProcess
	stop := func() {
		for _, s := range services {
			_ = s.kill()
		}
	}
	for _, name := range subgraphs.Names() {
		s := &serviceProcess{name: name, binary: binary, store: store}
		if err := store.StopService(name); err != nil {
			return nil, nil, err
		}
		if err := s.start(ctx); err != nil {
			stop()
			return nil, nil, err
		}
		services = append(services, s)
		list = append(list, outage{name, s.kill, s.start})
	}
	return append(list, outage{"Postgres", store.StopPostgres, store.StartPostgres}), stop, nil
}

// run takes one part away after the other.
func (o outages) run(ctx context.Context, out io.Writer, after time.Duration) error {
	wait(ctx, after)
	for _, part := range o {
		began := time.Now()
		if err := part.kill(); err != nil {
			return fmt.Errorf("killing %s: %w", part.name, err)
		}
		wait(ctx, downTime)
		if err := part.start(ctx); err != nil {
			return fmt.Errorf("starting %s again: %w", part.name, err)
		}
		fmt.Fprintf(out, "  %-14s was killed and is back after %.1f s\n", part.name, time.Since(began).Seconds())
		wait(ctx, upTime)
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// serviceProcess is `souk NAME` where the store's own service was.
type serviceProcess struct {
	name, binary string
	store        *dev.System
	cmd          *exec.Cmd
}

func (s *serviceProcess) start(ctx context.Context) error {
	s.cmd = exec.Command(s.binary, s.name) //nolint:noctx // ctx bounds the start only; see stop
	s.cmd.Env = append(os.Environ(), "LOG_LEVEL=error")
	for key, value := range s.store.Variables(s.name) {
		s.cmd.Env = append(s.cmd.Env, key+"="+value)
	}
	log, err := os.OpenFile(filepath.Join(results, s.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", s.name, err)
	}
	defer log.Close() // the process has it too
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	return poll(ctx, 30*time.Second, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.store.URL(s.name)+"/readyz", http.NoBody)
		if err != nil {
			return fmt.Errorf("asking %s: %w", s.name, err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("asking %s: %w", s.name, err)
		}
		if res.StatusCode != http.StatusOK {
			return errors.Join(fmt.Errorf("%s is not ready: status %d", s.name, res.StatusCode), res.Body.Close())
		}
		return res.Body.Close()
	})
}

// kill ends the process without a warning.
func (s *serviceProcess) kill() error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", s.name, err)
	}
	_ = s.cmd.Wait() // killed, it always ends with an error
	s.cmd = nil
	return nil
}
