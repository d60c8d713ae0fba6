package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/encoding/prototext"

	"souk/telemetry"
	"souk/telemetry/otlptest"
)

// Bytes of a client that are not UTF-8 do not prevent the export of other spans and records of
// the batch, wherever they are.
func TestTextsThatAreNotUTF8AreExported(t *testing.T) {
	const bad = "a\xff\xfez"
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			clearEnvironment(t)
			c := otlptest.Start(t)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", map[string]string{"grpc": c.GRPC, "http/protobuf": c.HTTP}[protocol])
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
			t.Setenv("OTEL_LOGS_EXPORTER", "otlp")
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "team=%ff")
			tel := setup(t, telemetry.Options{ServiceName: "shop", Writer: &strings.Builder{}})
			serve := func(path string) {
				r := httptest.NewRequestWithContext(sampled(tel), "GET", path, nil)
				r.Header.Set("User-Agent", bad)
				tel.Middleware(nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					tel.Logger.With(bad, bad).InfoContext(r.Context(), "path "+r.URL.Path, "list", []string{"fine", bad}, "any", []any{bad}, "error", errors.New(bad))
				})).ServeHTTP(httptest.NewRecorder(), r)
			}
			serve("/before")
			serve("/%ff%fe")
			_, span := tel.TracerProvider.Tracer("test").Start(sampled(tel), bad,
				trace.WithLinks(trace.Link{Attributes: []attribute.KeyValue{attribute.String("link", bad)}}))
			span.SetAttributes(
				attribute.String(bad, bad), attribute.StringSlice("list", []string{"fine", bad}), attribute.Int("number", 7),
				attribute.KeyValue{Key: "map", Value: attribute.MapValue(attribute.String("inner", bad))},
				attribute.KeyValue{Key: "slice", Value: attribute.SliceValue(attribute.StringValue(bad))},
			)
			span.AddEvent(bad, trace.WithAttributes(attribute.String("event", bad)))
			span.RecordError(errors.New(bad))
			span.SetStatus(codes.Error, bad)
			span.End()
			tel.ExportLog(sampled(tel), bad, bad)
			serve("/after")
			if err := tel.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			spans, logs := c.Spans(), c.Logs()
			if len(spans) != 4 || len(logs) != 4 {
				t.Fatalf("received %d spans and %d log records, want 4 each", len(spans), len(logs))
			}
			if c.Metric("http_server_request_duration_seconds") == nil {
				t.Error("received no metrics")
			}
			all := ""
			for _, s := range spans {
				all += prototext.Format(s)
			}
			for _, l := range logs {
				all += prototext.Format(l)
			}
			if !utf8.ValidString(all) || !strings.Contains(all, `"a�z"`) || !strings.Contains(all, "number") {
				t.Errorf("received %s", all)
			}
		})
	}
}
