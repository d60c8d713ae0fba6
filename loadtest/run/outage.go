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
	"slices"
	"time"

	"souk/dev"
	"souk/subgraphs"
)

const (
	downTime = 3 * time.Second // how long a part is down
	upTime   = 4 * time.Second // between two outages
)

// An outage kills a part of the store and restarts it.
type outage struct {
	name  string
	kill  func() error
	start func(context.Context) error
}

type outages []outage

// everyPart lists the parts in the order in which they are killed.
var everyPart = slices.Concat([]string{redisPart}, subgraphs.Names(), []string{payments, postgresPart})

const redisPart, postgresPart = "Redis", "Postgres"

// outages returns an outage for each part. It moves services to processes of
// their own, so that they can be killed; stop ends these processes.
func (t *testRun) outages(ctx context.Context, parts []string) (list outages, stop func(), err error) {
	binary := filepath.Join(t.dir, "souk")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, ".")
	build.Dir = t.top
	if text, err := build.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("building souk: %w: %s", err, text)
	}
	var services []*serviceProcess
	stop = func() {
		for _, s := range services {
			_ = s.kill()
		}
	}
	for _, name := range parts {
		switch name {
		case redisPart:
			list = append(list, t.redisOutage())
		case postgresPart:
			list = append(list, outage{name, t.store.StopPostgres, t.store.StartPostgres})
		default:
			s := &serviceProcess{name: name, binary: binary, log: filepath.Join(t.results, name+".log"), store: t.store}
			if err := errors.Join(s.stopOwn(), s.start(ctx)); err != nil {
				stop()
				return nil, nil, err
			}
			services = append(services, s)
			list = append(list, outage{name, s.kill, s.start})
		}
	}
	return list, stop, nil
}

func (t *testRun) redisOutage() outage {
	if t.redis == nil {
		return outage{redisPart, t.store.StopRedis, t.store.StartRedis}
	}
	return outage{redisPart, func() error { t.redis.kill(); return nil }, t.redis.start}
}

// run kills and restarts one part after another.
func (o outages) run(ctx context.Context, out io.Writer, after time.Duration) error {
	wait(ctx, after)
	for _, part := range o {
		began := time.Now()
		if err := part.kill(); err != nil {
			return fmt.Errorf("killing %s: %w", part.name, err)
		}
		wait(ctx, downTime)
		if err := part.start(ctx); err != nil {
			return fmt.Errorf("restarting %s: %w", part.name, err)
		}
		fmt.Fprintf(out, "  %-14s killed, back after %.1f s\n", part.name, time.Since(began).Seconds())
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

// serviceProcess is `souk NAME` in place of the store's own service or payment
// provider.
type serviceProcess struct {
	name, binary, log string
	store             *dev.System
	cmd               *exec.Cmd
}

// stopOwn stops the store's own part.
func (s *serviceProcess) stopOwn() error {
	if s.name == payments {
		return s.store.StopPayment()
	}
	return s.store.StopService(s.name)
}

func (s *serviceProcess) variables() map[string]string {
	if s.name == payments {
		return s.store.PaymentVariables()
	}
	return s.store.Variables(s.name)
}

func (s *serviceProcess) start(ctx context.Context) error {
	s.cmd = exec.Command(s.binary, s.name) //nolint:noctx // ctx bounds the start only; kill ends it
	s.cmd.Env = append(os.Environ(), "LOG_LEVEL=error")
	for key, value := range s.variables() {
		s.cmd.Env = append(s.cmd.Env, key+"="+value)
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", s.name, err)
	}
	defer log.Close() // the process has its own descriptor
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	return poll(ctx, 30*time.Second, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.store.URL(s.name)+"/readyz", http.NoBody)
		if err != nil {
			return fmt.Errorf("requesting %s: %w", s.name, err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("requesting %s: %w", s.name, err)
		}
		if res.StatusCode != http.StatusOK {
			return errors.Join(fmt.Errorf("%s is not ready: status %d", s.name, res.StatusCode), res.Body.Close())
		}
		return res.Body.Close()
	})
}

// kill kills the process.
func (s *serviceProcess) kill() error {
	if s.cmd == nil {
		return nil
	}
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", s.name, err)
	}
	_ = s.cmd.Wait() // a killed process always ends with an error
	s.cmd = nil
	return nil
}
