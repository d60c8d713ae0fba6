package accesslog

import (
	"log/slog"
	"time"
)

// A field returns an attribute of a line. It reports false if the line does not have it.
type field func(l *Log, e *entry) (slog.Attr, bool)

// fields are all fields by their names in the configuration.
var fields = map[string]field{
	"method":         always(func(e *entry) slog.Attr { return slog.String("method", e.request.Method) }),
	"route":          text("route", func(e *entry) string { return e.route }),
	"path":           always(func(e *entry) slog.Attr { return slog.String("path", e.request.URL.Path) }),
	"protocol":       always(func(e *entry) slog.Attr { return slog.String("protocol", e.request.Proto) }),
	"status":         always(func(e *entry) slog.Attr { return slog.Int("status", e.status()) }),
	"duration_ms":    always(func(e *entry) slog.Attr { return slog.Float64("duration_ms", milliseconds(e.duration)) }),
	"request_bytes":  ofRequest(func(e *entry) slog.Attr { return slog.Int64("request_bytes", max(e.request.ContentLength, 0)) }),
	"response_bytes": ofRequest(func(e *entry) slog.Attr { return slog.Int64("response_bytes", e.writer.bytes) }),
	"client_address": func(l *Log, e *entry) (slog.Attr, bool) {
		address := l.options.Address(e.request)
		return slog.String("client_address", address.String()), address.IsValid()
	},
	"user_agent":     text("user_agent", func(e *entry) string { return e.request.UserAgent() }),
	"operation_name": text("operation_name", func(e *entry) string { return e.seen.name }),
	"operation_type": text("operation_type", func(e *entry) string { return e.seen.kind }),
	"operation_hash": text("operation_hash", func(e *entry) string { return e.seen.hash }),
	"carrier":        text("carrier", func(e *entry) string { return e.seen.carrier }),
	"client_name":    text("client_name", func(e *entry) string { return e.seen.client }),
	"client_version": text("client_version", func(e *entry) string { return e.seen.version }),
	"cost_estimated": cost("cost_estimated", func(e *entry) float64 { return e.seen.estimated }),
	"cost_actual":    cost("cost_actual", func(e *entry) float64 { return e.seen.actual }),
	"document_cache": text("document_cache", func(e *entry) string {
		switch {
		case e.seen.hash == "":
			return ""
		case e.seen.known:
			return "hit"
		}
		return "miss"
	}),
	"entity_cache": text("entity_cache", func(e *entry) string {
		switch s := &e.seen; {
		case s.looked == 0:
			return ""
		case s.found == 0:
			return "miss"
		case s.found < s.looked:
			return "partial"
		}
		return "hit"
	}),
	"fetches":  ofOperation(func(e *entry) slog.Attr { return slog.Int("fetches", e.seen.fetches) }),
	"fetch_ms": ofOperation(func(e *entry) slog.Attr { return slog.Float64("fetch_ms", milliseconds(e.seen.fetching)) }),
	"subgraphs": func(_ *Log, e *entry) (slog.Attr, bool) {
		return slog.Any("subgraphs", e.seen.subgraphs), len(e.seen.subgraphs) > 0
	},
	"shared": func(_ *Log, e *entry) (slog.Attr, bool) { return slog.Bool("shared", true), e.seen.shared },
	"errors": ofOperation(func(e *entry) slog.Attr { return slog.Int("errors", e.seen.errors) }),
	"error_codes": func(_ *Log, e *entry) (slog.Attr, bool) {
		return slog.Any("error_codes", e.seen.codes), len(e.seen.codes) > 0
	},
	"trace_id": text("trace_id", (*entry).traceID),
}

func always(f func(*entry) slog.Attr) field {
	return func(_ *Log, e *entry) (slog.Attr, bool) { return f(e), true }
}

// ofRequest is a field of lines of HTTP requests.
func ofRequest(f func(*entry) slog.Attr) field {
	return func(_ *Log, e *entry) (slog.Attr, bool) {
		if e.own != 0 {
			return slog.Attr{}, false
		}
		return f(e), true
	}
}

// ofOperation is a field of lines with an operation.
func ofOperation(f func(*entry) slog.Attr) field {
	return func(_ *Log, e *entry) (slog.Attr, bool) {
		if !e.seen.present {
			return slog.Attr{}, false
		}
		return f(e), true
	}
}

// text is a field that is left out if it is empty.
func text(name string, f func(*entry) string) field {
	return func(_ *Log, e *entry) (slog.Attr, bool) {
		value := f(e)
		return slog.String(name, value), value != ""
	}
}

// cost is a field that is left out if the cost is not known.
func cost(name string, f func(*entry) float64) field {
	return func(_ *Log, e *entry) (slog.Attr, bool) {
		if !e.seen.present {
			return slog.Attr{}, false
		}
		value := f(e)
		return slog.Float64(name, value), value >= 0
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
