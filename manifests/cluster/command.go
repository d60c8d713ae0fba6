package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A cluster runs programs for the cluster "souk".
type cluster struct {
	tools tools
	dir   string // the kubeconfig and the image
	out   io.Writer
	pause func() <-chan time.Time
	// present is set if the cluster was there before.
	present bool
}

// A command is a program with its arguments.
type command struct {
	limit time.Duration
	words []string
	input string // standard input
	quiet bool   // do not print what it writes to standard output
}

// run prints a command and runs it until its limit. It returns the standard output.
func (c *cluster) run(ctx context.Context, cmd command) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cmd.limit, fmt.Errorf("it did not end within %s", cmd.limit))
	defer cancel()
	process := c.process(ctx, cmd.words)
	var out bytes.Buffer
	process.Stdout = io.MultiWriter(&out, c.out)
	if cmd.quiet {
		process.Stdout = &out
	}
	if cmd.input != "" {
		process.Stdin = strings.NewReader(cmd.input)
	}
	err := process.Run()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return out.String(), fmt.Errorf("%s: %w", strings.Join(cmd.words, " "), err)
	}
	return out.String(), nil
}

// process prints a command, and returns it. It is interrupted when the context ends.
func (c *cluster) process(ctx context.Context, words []string) *exec.Cmd {
	fmt.Fprintln(c.out, "+ "+strings.Join(words, " "))
	process := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // the words are in this package
	process.Stderr, process.Env = c.out, c.environment()
	process.WaitDelay = 5 * time.Second
	process.Cancel = func() error { return process.Process.Signal(os.Interrupt) }
	return process
}

// forward makes a service of istio-system reachable on this machine until stop is called.
func (c *cluster) forward(ctx context.Context, service string, port int) (address string, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	process := c.process(ctx, []string{"kubectl", "-n", "istio-system", "port-forward", "service/" + service, fmt.Sprintf(":%d", port)})
	out, err := process.StdoutPipe()
	if err == nil {
		err = process.Start()
	}
	if err != nil {
		cancel()
		return "", nil, err
	}
	stop = func() {
		cancel()
		_ = process.Wait() // it is interrupted
	}
	limit := time.AfterFunc(time.Minute, cancel)
	defer limit.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at := regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) `).FindStringSubmatch(lines.Text()); at != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // until stop
			return "http://" + at[1], stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("%s cannot be reached: kubectl port-forward does not listen", service)
}

// environment names the kubeconfig of this cluster to every program, and the engine to kind.
func (c *cluster) environment() []string {
	environment := append(os.Environ(), "KUBECONFIG="+c.kubeconfig())
	if c.tools.engine == "podman" {
		environment = append(environment, "KIND_EXPERIMENTAL_PROVIDER=podman")
	}
	return environment
}

// do runs commands in their order, up to the first that fails.
func (c *cluster) do(ctx context.Context, commands ...command) error {
	for _, cmd := range commands {
		if _, err := c.run(ctx, cmd); err != nil {
			return err
		}
	}
	return nil
}

// kubectl is a command of kubectl.
func kubectl(limit time.Duration, words ...string) command {
	return command{limit: limit, words: append([]string{"kubectl"}, words...)}
}

// shared lets several programs write at a time.
type shared struct {
	mu sync.Mutex
	io.Writer
}

func (s *shared) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Writer.Write(text)
}
