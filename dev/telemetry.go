package dev

import (
	"context"
	"fmt"
	"time"

	"souk/telemetry"
)

const shutdownTimeout = 5 * time.Second

// telemetry makes what a part reports by: all write to one log, and each is a
// service of its own in traces.
func (s *System) telemetry(ctx context.Context, name string) (*telemetry.Telemetry, error) {
	t, err := telemetry.Setup(context.WithoutCancel(ctx), telemetry.Options{
		ServiceName: "souk-" + name, ServiceVersion: "dev", LogLevel: s.opts.LogLevel, Writer: s.opts.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("setting up the telemetry of %s: %w", name, err)
	}
	return t, nil
}

// shutdown sends the last traces.
func shutdown(t *telemetry.Telemetry) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	return t.Shutdown(ctx)
}
