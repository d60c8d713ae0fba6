package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/lines"
	"souk/internal/processgroup"
)

// Main runs the souk command with the arguments of the process and returns the exit status:
// 0 if it succeeded or was stopped by a signal, 1 if the result is negative or a router or
// service failed, and 2 if there is no result. Main reports a failure as one line
// on standard error, or one line for each problem in a configuration file; souk compose --format json has
// written it as JSON. How the command is
// written follows what is wrong with its flags or arguments. Options extend the command:
//
//	func main() { os.Exit(cli.Main(cli.WithHooks(audit.Hooks()))) }
func Main(options ...Option) int {
	redis.SetLogger(redisLog{}) // the default logger writes to standard error
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watchSignals(cancel)
	root := New(options...)
	err := root.ExecuteContext(ctx)
	// A signal during start-up is not a failure.
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return 0
	}
	if errors.As(err, new(toldError)) {
		return status(err)
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		for _, line := range problems(err) {
			fmt.Fprintln(root.ErrOrStderr(), root.Name()+":", line)
		}
	}()
	select {
	case <-printed:
	case <-ctx.Done(): // standard error may hang
		select {
		case <-printed:
		case <-time.After(lines.Patience):
		}
	}
	return status(err)
}

// grace is how long after the first signal the second one takes effect. Commands that were started,
// such as those that print a schema, may end by themselves until then.
const grace = 1500 * time.Millisecond

// watchSignals makes the first SIGINT, SIGTERM or SIGHUP call stop. The second ends the process
// with status 128 plus the signal number, as shells do. SIGHUP stays ignored if it is, as by nohup.
func watchSignals(stop func()) {
	watched := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		watched = append(watched, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 2)
	// Not in the goroutine, which may start after the first signal.
	signal.Notify(signals, watched...)
	go func() {
		<-signals
		first := time.Now()
		stop()
		if second, ok := (<-signals).(syscall.Signal); ok {
			time.Sleep(time.Until(first.Add(grace)))
			processgroup.KillEnding()
			os.Exit(128 + int(second))
		}
	}()
}

// problems splits an error message into lines. Indented lines, and lines after an empty line,
// continue the line before.
func problems(err error) []string {
	var lines []string
	continued := false
	for line := range strings.Lines(err.Error()) {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case len(lines) > 0 && (continued || line[0] == ' ' || line[0] == '\t'):
			lines[len(lines)-1] += " " + text
		default:
			lines = append(lines, text)
		}
		continued = text == ""
	}
	return lines
}

// redisLog logs messages of the Redis client at debug level. Its callers report errors
// themselves.
type redisLog struct{}

func (redisLog) Printf(ctx context.Context, format string, v ...any) {
	slog.DebugContext(ctx, fmt.Sprintf(format, v...))
}
