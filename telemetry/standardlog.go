package telemetry

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"regexp"
	"strings"
)

// RedirectStandardLog makes the packages log and log/slog write to a logger. Some
// libraries have no other way to set their logger, such as the client of net/http.
// Only programs should call it, because it changes the whole process.
//
// Quoted texts are removed from messages. They come from a peer, such as the beginning
// of a response on an idle connection.
func RedirectStandardLog(logger *slog.Logger) {
	slog.SetDefault(logger)
	// SetDefault has made package log write to the logger unchanged.
	log.SetFlags(0)
	log.SetPrefix("")
	log.SetOutput(standardLog{logger})
}

// maxStandardMessage bounds a message of package log, in bytes. The stack trace of a
// panic has several thousand.
const maxStandardMessage = 16 << 10

// quoted is a text as %q writes it.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// standardLog receives the messages of package log.
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

// standardLevel returns the level of a message. A panic is a fault of the program.
// Messages that a peer can cause with each connection would fill the log, so they are
// at debug level.
func standardLevel(message string) slog.Level {
	switch {
	case strings.Contains(message, "panic"):
		return slog.LevelError
	case strings.HasPrefix(message, "http: TLS handshake error"), strings.HasPrefix(message, "http2: "):
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
