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

	"github.com/redis/go-redis/v9"
)

// Main runs the souk command on the process's arguments and returns the status
// to exit with: 0 when it did its work or was told to stop, 1 otherwise. A
// failure is one line on standard error, or one line for each problem of a
// configuration file. Options make a program of its own of it:
//
//	func main() { os.Exit(cli.Main(cli.WithHooks(audit.Hooks()))) }
func Main(options ...Option) int {
	redis.SetLogger(redisLog{}) // the library's own goes to standard error
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go watchSignals(cancel)
	root := New(options...)
	err := root.ExecuteContext(ctx)
	// A start that was cut short by a signal did not fail.
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return 0
	}
	for _, line := range problems(err) {
		fmt.Fprintln(os.Stderr, root.Name()+":", line)
	}
	return 1
}

// watchSignals asks the command to stop at the first signal, and ends the
// process at the second, with the status that shells give for it.
func watchSignals(stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	stop()
	if second, ok := (<-signals).(syscall.Signal); ok {
		os.Exit(128 + int(second))
	}
}

// problems are the lines of an error's message, each with the indented lines
// and the paragraph that continue it.
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

// redisLog takes what the Redis client says besides its errors, which the
// callers report themselves.
type redisLog struct{}

func (redisLog) Printf(ctx context.Context, format string, v ...any) {
	slog.DebugContext(ctx, fmt.Sprintf(format, v...))
}
