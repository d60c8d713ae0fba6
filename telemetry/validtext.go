package telemetry

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Texts of clients, such as paths and headers, may have any bytes. The strings of OTLP are
// UTF-8: with a single one that is not, the whole batch is lost. The exporters here replace
// bytes that are not UTF-8 by U+FFFD. Labels of metrics need no such thing: the Prometheus
// client refuses those that are not UTF-8 where they enter.

// validText returns text that is valid UTF-8.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// A textSpanExporter exports spans with texts that are valid UTF-8.
type textSpanExporter struct{ sdktrace.SpanExporter }

// ExportSpans implements sdktrace.SpanExporter.
func (e textSpanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	copied := false
	for i, s := range spans {
		if isValidSpan(s) {
			continue
		}
		if !copied { // the batch belongs to the processor
			spans, copied = slices.Clone(spans), true
		}
		spans[i] = newValidSpan(s)
	}
	return e.SpanExporter.ExportSpans(ctx, spans)
}

func isValidSpan(s sdktrace.ReadOnlySpan) bool {
	return utf8.ValidString(s.Name()) && utf8.ValidString(s.Status().Description) && areValid(s.Attributes()) &&
		!slices.ContainsFunc(s.Events(), func(e sdktrace.Event) bool { return !utf8.ValidString(e.Name) || !areValid(e.Attributes) }) &&
		!slices.ContainsFunc(s.Links(), func(l sdktrace.Link) bool { return !areValid(l.Attributes) })
}

// A validSpan is a span with other texts.
type validSpan struct {
	sdktrace.ReadOnlySpan
	name       string
	status     sdktrace.Status
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	links      []sdktrace.Link
}

func newValidSpan(s sdktrace.ReadOnlySpan) validSpan {
	v := validSpan{
		ReadOnlySpan: s, name: validText(s.Name()), status: s.Status(),
		attributes: validAttributes(s.Attributes()), events: slices.Clone(s.Events()), links: slices.Clone(s.Links()),
	}
	v.status.Description = validText(v.status.Description)
	for i := range v.events {
		v.events[i].Name, v.events[i].Attributes = validText(v.events[i].Name), validAttributes(v.events[i].Attributes)
	}
	for i := range v.links {
		v.links[i].Attributes = validAttributes(v.links[i].Attributes)
	}
	return v
}

// Name implements sdktrace.ReadOnlySpan.
func (v validSpan) Name() string { return v.name }

// Status implements sdktrace.ReadOnlySpan.
func (v validSpan) Status() sdktrace.Status { return v.status }

// Attributes implements sdktrace.ReadOnlySpan.
func (v validSpan) Attributes() []attribute.KeyValue { return v.attributes }

// Events implements sdktrace.ReadOnlySpan.
func (v validSpan) Events() []sdktrace.Event { return v.events }

// Links implements sdktrace.ReadOnlySpan.
func (v validSpan) Links() []sdktrace.Link { return v.links }

// A textLogExporter exports log records with texts that are valid UTF-8.
type textLogExporter struct{ sdklog.Exporter }

// Export implements sdklog.Exporter.
func (e textLogExporter) Export(ctx context.Context, records []sdklog.Record) error {
	copied := false
	for i := range records {
		if isValidRecord(&records[i]) {
			continue
		}
		if !copied { // the batch belongs to the processor
			records, copied = slices.Clone(records), true
		}
		records[i] = records[i].Clone()
		makeValid(&records[i])
	}
	return e.Exporter.Export(ctx, records)
}

func isValidRecord(r *sdklog.Record) bool {
	valid := utf8.ValidString(r.EventName()) && utf8.ValidString(r.SeverityText()) && isValid(r.Body())
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		valid = valid && utf8.ValidString(string(a.Key)) && isValid(a.Value)
		return valid
	})
	return valid
}

func makeValid(r *sdklog.Record) {
	r.SetEventName(validText(r.EventName()))
	r.SetSeverityText(validText(r.SeverityText()))
	r.SetBody(validValue(r.Body()))
	attributes := make([]attribute.KeyValue, 0, r.AttributesLen())
	r.WalkAttributes(func(a attribute.KeyValue) bool {
		attributes = append(attributes, a)
		return true
	})
	r.SetAttributes(validAttributes(attributes)...)
}

func areValid(list []attribute.KeyValue) bool {
	return !slices.ContainsFunc(list, func(a attribute.KeyValue) bool { return !utf8.ValidString(string(a.Key)) || !isValid(a.Value) })
}

func isValid(v attribute.Value) bool {
	switch v.Type() {
	case attribute.STRING:
		return utf8.ValidString(v.AsString())
	case attribute.STRINGSLICE:
		return !slices.ContainsFunc(v.AsStringSlice(), func(s string) bool { return !utf8.ValidString(s) })
	case attribute.SLICE:
		return !slices.ContainsFunc(v.AsSlice(), func(item attribute.Value) bool { return !isValid(item) })
	case attribute.MAP:
		return areValid(v.AsMap())
	default:
		return true
	}
}

// validAttributes returns a copy of attributes with valid texts.
func validAttributes(list []attribute.KeyValue) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(list))
	for i, a := range list {
		out[i] = attribute.KeyValue{Key: attribute.Key(validText(string(a.Key))), Value: validValue(a.Value)}
	}
	return out
}

func validValue(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(validText(v.AsString()))
	case attribute.STRINGSLICE:
		list := v.AsStringSlice() // a copy
		for i := range list {
			list[i] = validText(list[i])
		}
		return attribute.StringSliceValue(list)
	case attribute.SLICE:
		list := v.AsSlice() // a copy
		for i := range list {
			list[i] = validValue(list[i])
		}
		return attribute.SliceValue(list...)
	case attribute.MAP:
		return attribute.MapValue(validAttributes(v.AsMap())...)
	default:
		return v
	}
}
