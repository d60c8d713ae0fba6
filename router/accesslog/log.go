package accesslog

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"souk/internal/detach"
	"souk/router/attributes"
	"souk/router/gateway/config"
)

// Options configure a Log.
type Options struct {
	Config config.AccessLog
	// Output receives whole lines.
	Output io.Writer
	// Address returns the address of the client.
	Address func(*http.Request) netip.Addr
	// Attributes are those that Config names.
	Attributes attributes.Set
	// Skip reports which paths are not logged.
	Skip func(path string) bool
}

// A Log writes the access log. It is safe for concurrent use.
type Log struct {
	options    Options
	fields     []field
	conditions attributes.Conditions
	handler    slog.Handler
	// random returns numbers in [0, 1) for the sample.
	random func() float64
}

// New returns a Log.
func New(o Options) *Log {
	l := &Log{options: o, handler: slog.NewJSONHandler(o.Output, nil), random: rand.Float64, conditions: o.Attributes.Conditions(o.Config.Conditions)}
	for _, name := range o.Config.Fields {
		l.fields = append(l.fields, fields[name])
	}
	return l
}

// Middleware logs the requests that next serves.
func (l *Log) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.options.Skip(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		e := &entry{start: time.Now(), writer: writer{ResponseWriter: w}}
		in := r.WithContext(context.WithValue(r.Context(), entryKey{}, e))
		e.request = in
		defer func() {
			failure := recover()
			if d := detach.Of(in.Context()); d != nil {
				e.outlive()
				d.After(func() {
					e.writer.bytes += d.Written()
					e.end(failure != nil)
					l.write(e.request.Context(), e)
				})
			} else {
				e.end(failure != nil)
				l.write(r.Context(), e)
			}
			if failure != nil {
				panic(failure)
			}
		}()
		next.ServeHTTP(&e.writer, in)
		r.Pattern = in.Pattern // for middleware around this one
	})
}

// write writes the line of an entry, unless it is left out of the sample.
func (l *Log) write(ctx context.Context, e *entry) {
	if !e.attributed { // no operation
		e.attribute(e.request.Context(), l, nil)
	}
	if e.unwanted {
		return
	}
	failed := e.status() >= http.StatusBadRequest || e.seen.errors > 0
	if !failed && l.options.Config.Sample < 1 && l.random() >= l.options.Config.Sample {
		return
	}
	record := slog.NewRecord(e.start, slog.LevelInfo, "request", 0)
	list := make([]slog.Attr, 0, len(l.fields))
	for _, f := range l.fields {
		if a, ok := f(l, e); ok {
			list = append(list, a)
		}
	}
	record.AddAttrs(list...)
	for i, value := range e.values {
		if value != "" {
			record.AddAttrs(slog.String(l.options.Config.Attributes[i], value))
		}
	}
	_ = l.handler.Handle(ctx, record) // the output does not fail
}

// A writer counts what a response sends.
type writer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	// Informational responses (1xx) precede the final one.
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *writer) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher.
func (w *writer) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// Unwrap supports http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
