package loop

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"souk/internal/processgroup"
	"souk/router/compose"
)

const (
	// firstRestart and lastRestart are the shortest and the longest time before a
	// process that has ended starts again.
	firstRestart = time.Second
	lastRestart  = 30 * time.Second
	// steady is how long a process must run for the next restart to wait firstRestart again.
	steady = 30 * time.Second
	// stopTimeout is how long a process may take to end.
	stopTimeout = 5 * time.Second
	// maxLine bounds a line of output of a process, in bytes.
	maxLine = 64 << 10
)

// processes are the commands that start subgraphs.
type processes struct {
	out     io.Writer
	after   func(time.Duration) <-chan time.Time
	now     func() time.Time
	running map[string]*process
}

// A process is a command that is started again when it ends.
type process struct {
	compose.Run
	cancel context.CancelFunc
	done   chan struct{}
}

// set starts and stops processes, so that these run.
func (p *processes) set(ctx context.Context, runs map[string]compose.Run) {
	for name, one := range p.running {
		if want, ok := runs[name]; !ok || !slices.Equal(want.Command, one.Command) {
			one.stop()
			delete(p.running, name)
		}
	}
	for name, run := range runs {
		if p.running[name] != nil {
			continue
		}
		if p.running == nil {
			p.running = map[string]*process{}
		}
		running, cancel := context.WithCancel(ctx)
		one := &process{Run: run, cancel: cancel, done: make(chan struct{})}
		p.running[name] = one
		go func() {
			defer close(one.done)
			p.repeat(running, name, run)
		}()
	}
}

func (p *process) stop() {
	p.cancel()
	<-p.done
}

func (p *processes) stop() {
	for _, one := range p.running {
		one.cancel()
	}
	for _, one := range p.running {
		<-one.done
	}
}

// repeat runs a command until ctx is done. Each restart waits twice as long as the one before,
// unless the process was steady.
func (p *processes) repeat(ctx context.Context, name string, run compose.Run) {
	for wait := firstRestart; ; wait = min(2*wait, lastRestart) {
		began := p.now()
		err := p.once(ctx, name, run)
		if ctx.Err() != nil {
			return
		}
		if p.now().Sub(began) >= steady {
			wait = firstRestart
		}
		ended := "ended"
		if err != nil {
			ended = "failed: " + err.Error()
		}
		fmt.Fprintf(p.out, "%s: `%s` %s; it starts again in %v\n", name, strings.Join(run.Command, " "), ended, wait)
		select {
		case <-ctx.Done():
			return
		case <-p.after(wait):
		}
	}
}

// once runs a command and writes its output, with the name of the subgraph before each
// line.
func (p *processes) once(ctx context.Context, name string, run compose.Run) error {
	cmd := exec.CommandContext(ctx, run.Command[0], run.Command[1:]...)
	cmd.Dir, cmd.WaitDelay = run.Dir, stopTimeout
	processgroup.Own(cmd)
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	var copying sync.WaitGroup
	copying.Go(func() {
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			fmt.Fprintf(p.out, "%s | %s\n", name, scanner.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // what follows a line that is too long
	})
	err := cmd.Start()
	if err == nil {
		fmt.Fprintf(p.out, "%s: started `%s` as process %d\n", name, strings.Join(run.Command, " "), cmd.Process.Pid)
		err = cmd.Wait()
	}
	processgroup.Kill(cmd)
	_ = writer.Close() // it never fails
	copying.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}
