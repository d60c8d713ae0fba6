package usage

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// ExporterOptions configure an Exporter.
type ExporterOptions struct {
	Logger *slog.Logger
	// Export sends a document as a log record of OTLP.
	Export func(ctx context.Context, event, body string)
}

// A Config of an Exporter can be changed while it runs.
type Config struct {
	// Directory is that of the files. If it is empty, there are none.
	Directory string
	OTLP      bool
	// Interval is how often the usage is written, Rotate how long a file covers.
	Interval, Rotate time.Duration
	MaxFiles         int
}

// EventName is the name of the log records of OTLP.
const EventName = "souk.schema.usage"

// maxRecordElements bounds the elements of a log record of OTLP.
const maxRecordElements = 200

// An Exporter counts the use of a schema and writes it. It is safe for concurrent use.
type Exporter struct {
	options ExporterOptions
	counts  *counts
	files   files
	changed chan Config
	stop    chan struct{}
	done    sync.WaitGroup
}

// NewExporter returns an Exporter that begins with the first Configure. The caller must call
// Close.
func NewExporter(o ExporterOptions) *Exporter {
	e := &Exporter{options: o, counts: newCounts(), changed: make(chan Config), stop: make(chan struct{})}
	e.done.Go(e.run)
	return e
}

// Configure changes the configuration.
func (e *Exporter) Configure(c Config) { e.changed <- c }

// Count counts a request that uses elements. given are those that only its variables use.
func (e *Exporter) Count(uses *Elements, given []string, client Client) {
	e.counts.add(uses, given, client)
}

// Close writes what was counted. It does nothing if e is nil.
func (e *Exporter) Close() error {
	if e == nil {
		return nil
	}
	close(e.stop)
	e.done.Wait()
	return nil
}

func (e *Exporter) run() {
	config, since := <-e.changed, time.Now()
	ticker := time.NewTicker(config.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-e.stop:
			e.write(config, since, time.Now())
			return
		case next := <-e.changed:
			if next != config {
				e.write(config, since, time.Now())
				ticker.Reset(next.Interval)
				config, since = next, time.Now()
			}
		case now := <-ticker.C:
			e.write(config, since, now)
			since = now
		}
	}
}

// write writes what was counted since the last time.
func (e *Exporter) write(c Config, since, now time.Time) {
	counted := e.counts.take()
	if c.OTLP {
		documents, err := counted.encode(since, now, maxRecordElements)
		if err != nil {
			e.options.Logger.Error("encoding the usage of the schema failed", "error", err)
		}
		for _, d := range documents {
			e.options.Export(context.Background(), EventName, string(d))
		}
	}
	if c.Directory == "" {
		return
	}
	if err := e.files.write(c, counted, since, now); err != nil {
		e.options.Logger.Warn("writing the usage of the schema failed; it is tried again", "error", err)
	}
}
