package router

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"souk/internal/lines"
	"souk/router/accesslog"
	"souk/router/attributes"
	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	routertelemetry "souk/router/telemetry"
	"souk/router/usage"
	base "souk/telemetry"
)

// addReports makes the gateway report operations for the access log and the usage export.
func (r *Router) addReports(o *gateway.Options) {
	c := &r.config.Telemetry
	r.metrics.SetNames(boundedNames(c.Operations), boundedNames(c.Clients))
	if c.SubgraphErrors.Log {
		o.LogError = newSubgraphErrorLog(r.options.Telemetry.Logger, c.SubgraphErrors.PerSecond, time.Now).log
	}
	var reports []func(context.Context, *record.Operation)
	if from := r.options.origin; from != nil { // the main router logs and counts what the canary serves
		if from.variant == variantCanary && from.router.accessLog != nil {
			reports = append(reports, from.router.accessLog.Report)
		}
	} else if c.AccessLog.Enabled {
		r.accessLog = accesslog.New(accesslog.Options{
			Config: c.AccessLog, Output: r.shared.output(r.options), Address: r.addresses.Of, Skip: r.isHealthPath, Attributes: c.Attributes,
		})
		reports = append(reports, r.accessLog.Report)
	}
	if from := r.options.origin; from != nil { // likewise
		if from.variant == variantCanary && from.router.attributed != nil {
			reports = append(reports, from.router.attributed.Report)
		}
	} else {
		r.attributed = attributes.NewObserver(c, r.shared.instruments.Replace(instruments(c)))
		if r.attributed != nil {
			reports = append(reports, r.attributed.Report)
		}
	}
	if c.UsageExport.Enabled() && (r.options.origin == nil || r.options.origin.variant == variantCanary) {
		o.Uses = true
		reports = append(reports, reportUsage(r.shared.exportUsage(c.UsageExport, r.options)))
	}
	if v := r.variant(); v != "" {
		metrics := r.metrics
		if from := r.options.origin; from != nil {
			metrics = from.router.metrics
		}
		reports = append(reports, reportVariant(metrics, v))
	}
	switch len(reports) {
	case 0:
	case 1:
		o.Report = reports[0]
	default:
		o.Report = func(ctx context.Context, op *record.Operation) {
			for _, report := range reports {
				report(ctx, op)
			}
		}
	}
}

// output returns the output of the access log of all routers.
func (s *shared) output(o Options) io.Writer {
	if s.lines == nil {
		to := o.AccessLog
		if to == nil {
			to = os.Stdout
		}
		s.lines = lines.New(lines.Options{To: to, Dropped: s.metrics.AccessLogDropped.Inc})
	}
	return s.lines
}

// exportUsage returns the exporter of all routers, with the configuration of the latest.
func (s *shared) exportUsage(c config.UsageExport, o Options) *usage.Exporter {
	if s.usage == nil {
		s.usage = usage.NewExporter(usage.ExporterOptions{Logger: o.Telemetry.Logger, Export: o.Telemetry.ExportLog})
	}
	s.usage.Configure(usage.Config{Directory: c.Directory, OTLP: c.OTLP, Interval: c.Interval, Rotate: c.Rotate, MaxFiles: c.MaxFiles})
	return s.usage
}

// reportUsage returns the report of operations to an exporter.
func reportUsage(e *usage.Exporter) func(context.Context, *record.Operation) {
	return func(_ context.Context, o *record.Operation) {
		if o.Uses != nil {
			name, version := o.ClientName()
			e.Count(o.Uses, o.Given, usage.Client{Name: name, Version: version})
		}
	}
}

// defaultSeries is how many combinations of attributes of an instrument have time series.
const defaultSeries = 100

// instruments returns the metrics of the instruments in the configuration.
func instruments(c *config.Telemetry) map[string]routertelemetry.InstrumentOptions {
	all := map[string]routertelemetry.InstrumentOptions{}
	for name, i := range c.Instruments {
		m := base.Metric{Name: i.MetricName(name), Help: cmp.Or(i.Description, name), Kind: base.MetricKind(i.Type)}
		for _, attribute := range i.Attributes {
			m.Labels = append(m.Labels, config.LabelName(attribute))
		}
		if m.Kind == base.Histogram {
			m.Buckets = []float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
			if i.Measure == "duration" {
				m.Buckets = base.DurationBuckets()
				m = m.WithBuckets(c.BucketSeconds())
			}
		}
		all[name] = routertelemetry.InstrumentOptions{Metric: m, Max: cmp.Or(i.Max, defaultSeries)}
	}
	return all
}

// withAttributes keeps the headers of requests for attributes, if anything has some.
func (r *Router) withAttributes(next http.Handler) http.Handler {
	c := &r.config.Telemetry
	if r.attributed == nil && len(c.AccessLog.Attributes)+len(c.AccessLog.Conditions) == 0 {
		return next
	}
	return attributes.Middleware(next)
}

func boundedNames(m config.MetricNames) routertelemetry.Names {
	return routertelemetry.Names{Max: m.Max, Fixed: m.Names}
}

// isHealthPath reports whether probes request a path. They are not in the access log.
func (r *Router) isHealthPath(path string) bool {
	h := &r.config.Health
	return h.Enabled && (slices.Contains(h.LivenessPaths, path) || slices.Contains(h.ReadinessPaths, path))
}

// withAccessLog logs the requests of next if the access log is on.
func (r *Router) withAccessLog(next http.Handler) http.Handler {
	if r.accessLog == nil {
		return next
	}
	return r.accessLog.Middleware(next)
}

// maxLoggedMessage bounds the message of an error of a subgraph in the log, in bytes.
const maxLoggedMessage = 1 << 10

// A subgraphErrorLog logs errors of subgraphs, at most some per second and subgraph. It never makes a
// request wait for more than a lock.
type subgraphErrorLog struct {
	logger    *slog.Logger
	perSecond int
	now       func() time.Time

	mu   sync.Mutex
	rate map[string]*errorRate // by subgraph
}

// An errorRate counts the errors of a subgraph in a second.
type errorRate struct {
	second         int64
	count, skipped int
}

func newSubgraphErrorLog(logger *slog.Logger, perSecond int, now func() time.Time) *subgraphErrorLog {
	return &subgraphErrorLog{logger: logger, perSecond: perSecond, now: now, rate: map[string]*errorRate{}}
}

func (l *subgraphErrorLog) log(ctx context.Context, e execute.FetchError) {
	skipped, ok := l.allow(e.Subgraph)
	if !ok {
		return
	}
	message := e.Message
	if len(message) > maxLoggedMessage {
		message = message[:maxLoggedMessage]
		for !utf8.ValidString(message) && len(message) > maxLoggedMessage-utf8.UTFMax {
			message = message[:len(message)-1]
		}
		message += "…"
	}
	attributes := []slog.Attr{slog.String("subgraph", e.Subgraph), slog.String("code", e.Code), slog.String("error", message)}
	if e.Path != "" {
		attributes = append(attributes, slog.String("path", e.Path))
	}
	if e.Status != 0 {
		attributes = append(attributes, slog.Int("status", e.Status))
	}
	if skipped > 0 {
		attributes = append(attributes, slog.Int("skipped", skipped))
	}
	l.logger.LogAttrs(ctx, slog.LevelWarn, "subgraph error", attributes...)
}

// allow reports whether one more error of a subgraph is logged, and how many were not since the
// last one.
func (l *subgraphErrorLog) allow(subgraph string) (skipped int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rate[subgraph]
	if r == nil {
		r = &errorRate{}
		l.rate[subgraph] = r
	}
	if second := l.now().Unix(); second != r.second {
		r.second, r.count = second, 0
	}
	if r.count >= l.perSecond {
		r.skipped++
		return 0, false
	}
	r.count++
	skipped, r.skipped = r.skipped, 0
	return skipped, true
}
