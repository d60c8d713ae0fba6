package dev

import (
	"context"
	"fmt"
	"time"

	"souk/telemetry"
)

const shutdownTimeout = 5 * time.Second

// telemetry returns the telemetry of a part. All parts write to the same log;
// in traces, each is a separate service.
func (s *System) telemetry(ctx context.Context, name string) (*telemetry.Telemetry, error) {
	t, err := telemetry.Setup(context.WithoutCancel(ctx), telemetry.Options{
		ServiceName: "souk-" + name, ServiceVersion: "dev", LogLevel: s.opts.LogLevel, Writer: s.opts.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up the telemetry of %s: %w", name, err)
	}
	return t, nil
}

// shutdown flushes the remaining traces.
func shutdown(t *telemetry.Telemetry) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return t.Shutdown(ctx)
}
