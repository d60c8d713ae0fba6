//go:build unix

package cli_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An interrupt ends a command while it waits for a file, here a pipe that nobody writes to.
func TestInterruptEndsACommandThatWaitsForAFile(t *testing.T) {
	for name, command := range map[string]string{
		"compose, schema":        "compose --config pipe-schema.yaml --output -",
		"compose, configuration": "compose --config pipe --output -",
		"compose, output":        "compose --config good.yaml --output pipe --check",
		"dev, schema":            "dev --config pipe-schema.yaml",
		"dev, configuration":     "dev --config pipe",
		"dev, router":            "dev --config good.yaml --router-config pipe",
		"router, configuration":  "router --config pipe",
		"router, supergraph":     "router --supergraph pipe --listen 127.0.0.1:0",
		"plan":                   "plan --supergraph pipe operation.graphql",
		"lint":                   "lint pipe",
		"lint, configuration":    "lint pipe.yaml",
		"schema check":           "schema check --against pipe schema.graphql",
		"schema check, graph":    "schema check --against schema.graphql pipe.yaml",
		"schema check, usage":    "schema check --against schema.graphql schema.graphql --usage pipe",
		"config validate":        "config validate pipe",
		"config convert":         "config convert pipe",
		"subgraph test":          "subgraph test http://localhost:1 --representation @pipe",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := writeFiles(t, map[string]string{
				"pipe-schema.yaml":  "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {file: pipe}\n",
				"good.yaml":         "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {sdl: 'type Query { a: Int }'}\n",
				"schema.graphql":    "type Query { a: Int }\n",
				"operation.graphql": "{ a }\n",
			})
			pipe := filepath.Join(dir, "pipe")
			if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink("pipe", pipe+".yaml")); err != nil {
				t.Fatal(err)
			}
			p := soukIn(t, dir, []string{"ROUTER_ADMIN_LISTEN=127.0.0.1:0"}, strings.Fields(command)...)
			var writer *os.File
			await(t, p, "the pipe is opened", func() (open bool) {
				var err error
				writer, err = os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
				return err == nil // not before there is a reader
			})
			defer writer.Close()
			p.interrupt(t)
			if status := p.wait(t); status != 0 {
				t.Errorf("got exit status %d and messages %q", status, p.says())
			}
		})
	}
}

// A pipe or device that is named as the output is written to, not replaced by a file.
func TestComposeWritesToAPipe(t *testing.T) {
	dir := writeFiles(t, map[string]string{"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {sdl: 'type Query { a: Int }'}\n"})
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	both, err := os.OpenFile(pipe, os.O_RDWR, 0) // so that writing never waits for a reader
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	soukIn(t, dir, nil, "compose", "--output", "pipe").done(t)
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced: %v, %v", info, err)
	}
}

// An interrupt ends a command that waits until its output is read.
func TestInterruptEndsACommandThatWaitsForAReader(t *testing.T) {
	dir := writeFiles(t, map[string]string{"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {command: [sh, -c, 'touch composing; cat sdl']}\n", "sdl": "type Query { a: Int }\n"})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := soukIn(t, dir, nil, "compose", "--output", "pipe")
	await(t, p, "the subgraph is read", func() bool {
		_, err := os.Stat(filepath.Join(dir, "composing"))
		return err == nil
	})
	p.interrupt(t)
	if status := p.wait(t); status != 0 {
		t.Errorf("got exit status %d and messages %q", status, p.says())
	}
}

// A pipe is read like any file.
func TestComposeReadsAPipe(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {command: [cat, sdl]}\n  b:\n    routing_url: http://localhost:2\n    schema: {file: pipe}\n",
		"sdl":             "type Query { a: Int }\n",
	})
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte("type Query { piped: Int }\n"), 0o600) }()
	composed := soukIn(t, dir, nil, "compose", "--config", "supergraph.yaml", "--output", "-").done(t)
	if err := <-written; err != nil || !strings.Contains(composed, "piped: Int") {
		t.Errorf("got %v and\n%s", err, composed)
	}
}

// What a command of schema.command has started ends with souk: it has the pipe open.
func TestInterruptEndsTheCommandOfASchema(t *testing.T) {
	for _, c := range []struct {
		command string
		traps   string // what the command of the schema begins with, to ignore signals
		signals []os.Signal
	}{
		{"compose --output -", "", []os.Signal{os.Interrupt}},
		{"dev --config supergraph.yaml", "", []os.Signal{os.Interrupt}},
		{"lint", "", []os.Signal{os.Interrupt}},
		{"schema check --against supergraph.yaml", "", []os.Signal{os.Interrupt}},
		{"compose --output -", `trap "" TERM INT HUP;`, []os.Signal{syscall.SIGHUP}}, // the terminal is closed
		{"dev --config supergraph.yaml", `trap "" TERM INT HUP;`, []os.Signal{syscall.SIGHUP}},
		{"compose --output -", `trap "" TERM INT;`, []os.Signal{os.Interrupt, syscall.SIGTERM}},
		{"dev --config run.yaml", `trap "" TERM INT HUP;`, []os.Signal{syscall.SIGHUP, syscall.SIGHUP}},
	} {
		command := c.command
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			if slices.Contains(c.signals, os.Signal(syscall.SIGHUP)) && signal.Ignored(syscall.SIGHUP) {
				t.Skip("the tests run under nohup, so souk ignores that the terminal is closed")
			}
			dir := writeFiles(t, map[string]string{"supergraph.yaml": "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    schema: {command: [sh, -c, '" + c.traps + " exec 3>pipe; touch started; sleep 600; echo x']}\n",
				"run.yaml": "subgraphs:\n  a:\n    routing_url: http://localhost:1\n    run: [sh, -c, '" + c.traps + " exec 3>pipe; touch started; sleep 600; echo x']\n    schema: {sdl: 'type Query { a: Int }'}\n",
			})
			pipe := filepath.Join(dir, "pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := os.ReadFile(pipe) // until the last process that has it open ends
				ended <- err
			}()
			p := soukIn(t, dir, []string{"ROUTER_LISTEN=127.0.0.1:0", "ROUTER_ADMIN_LISTEN=127.0.0.1:0"}, strings.Fields(command)...)
			await(t, p, "the command runs", func() bool {
				_, err := os.Stat(filepath.Join(dir, "started"))
				return err == nil
			})
			for _, signal := range c.signals {
				if err := p.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			// A second signal may end the command with its own status.
			if status := p.wait(t); status != 0 && len(c.signals) == 1 {
				t.Errorf("got exit status %d and messages %q", status, p.says())
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(30 * time.Second):
				t.Error("the command goes on")
			}
		})
	}
}
