package telemetry

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"regexp"
	"strings"
)

// RedirectStandardLog makes the packages log and log/slog write to a logger,
// whose records libraries cannot choose otherwise: net/http's client, for one,
// has no logger of its own. It is for programs, not for packages: it changes the
// whole process.
//
// Texts that a library quotes are left out. They are what a peer sent, such as
// the beginning of a response on an idle connection.
func RedirectStandardLog(logger *slog.Logger) {
	slog.SetDefault(logger)
	// SetDefault has let package log write to the logger as it is.
	log.SetFlags(0)
	log.SetPrefix("")
	log.SetOutput(standardLog{logger})
}

// maxStandardMessage bounds a message of package log, in bytes. A stack trace
// of a panic has some thousands.
const maxStandardMessage = 16 << 10

// quoted is a text as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// standardLog takes what is written by package log, one message at a time.
type standardLog struct{ logger *slog.Logger }

// Write implements io.Writer.
func (l standardLog) Write(text []byte) (int, error) {
	message := bytes.TrimSpace(text[:min(len(text), maxStandardMessage)])
	level := standardLevel(string(message))
	if ctx := context.Background(); l.logger.Enabled(ctx, level) {
		clean := strings.ToValidUTF8(quoted.ReplaceAllString(string(message), `"…"`), "\uFFFD")
		l.logger.Log(ctx, level, clean, "source", "standard log")
	}
	return len(text), nil
}

// standardLevel tells a panic, which is a fault of the program, from what peers
// cause: a message for each of their connections would fill the log.
func standardLevel(message string) slog.Level {
	switch {
	case strings.Contains(message, "panic"):
		return slog.LevelError
	case strings.HasPrefix(message, "http: TLS handshake error"), strings.HasPrefix(message, "http2: "):
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
