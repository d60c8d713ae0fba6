package accesslog

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"souk/internal/detach"
	"souk/router/attributes"
	"souk/router/console/record"
)

// An entry is what a line says.
type entry struct {
	start    time.Time
	request  *http.Request
	writer   writer
	route    string
	duration time.Duration
	// failed is set if the handler panicked.
	failed bool
	// own is the status of an operation with a line of its own.
	own int
	// values are those of the attributes, once attributed is set. unwanted is set if a condition
	// does not hold.
	values               []string
	attributed, unwanted bool

	// An operation of a single connection may end while its request does. seen is not written
	// once ended is set.
	mu    sync.Mutex
	ended bool
	seen  seen
}

type entryKey struct{}

// seen is what an entry keeps of an operation.
type seen struct {
	present                  bool
	name, kind, hash         string
	carrier, client, version string
	estimated, actual        float64
	known, shared            bool
	looked, found, fetches   int
	fetching                 time.Duration
	subgraphs, codes         []string
	errors                   int
	id                       record.TraceID
}

// Report adds an operation that has ended to the line of its request, or writes a line of its
// own for it. It is the gateway's Options.Report.
func (l *Log) Report(ctx context.Context, o *record.Operation) {
	e, ok := ctx.Value(entryKey{}).(*entry)
	if !ok {
		return // a path that is not logged
	}
	if (o.Carrier == "http" || o.Carrier == "rest" || o.Carrier == "mcp") && e.take(ctx, l, o) {
		return
	}
	own := &entry{start: o.Start, request: e.request, route: e.request.Pattern, duration: o.Duration, own: cmp.Or(o.Status, http.StatusOK), seen: see(o)}
	own.attribute(ctx, l, o)
	l.write(ctx, own)
}

// attribute keeps the attributes of the line, and whether it is wanted. o is nil for a request that
// is no operation. The headers of the response
// may follow the operation, so that a line of a request has them only if they are known by then.
func (e *entry) attribute(ctx context.Context, l *Log, o *record.Operation) {
	c := &l.options.Config
	if len(c.Attributes)+len(c.Conditions) == 0 {
		return
	}
	from := attributes.From(ctx, o)
	e.attributed, e.unwanted = true, !l.conditions.Hold(from)
	for _, name := range c.Attributes {
		e.values = append(e.values, l.options.Attributes.Value(name, from))
	}
}

// take adds an operation to the line. It returns false if the line has one, or is written.
func (e *entry) take(ctx context.Context, l *Log, o *record.Operation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended || e.seen.present {
		return false
	}
	e.seen = see(o)
	e.attribute(ctx, l, o)
	return true
}

// outlive prepares the entry for a response that outlives its handler.
func (e *entry) outlive() {
	e.request, e.writer.ResponseWriter = detach.Request(e.request), nil
}

func (e *entry) end(failed bool) {
	e.duration, e.route, e.failed = time.Since(e.start), e.request.Pattern, failed
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
}

// status returns the status of the response.
func (e *entry) status() int {
	switch {
	case e.own != 0:
		return e.own
	case e.writer.status != 0:
		return e.writer.status
	case e.failed:
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// maxListed bounds the subgraphs and codes of a line.
const maxListed = 20

func see(o *record.Operation) seen {
	s := seen{present: true, carrier: o.Carrier, estimated: o.Cost, actual: o.Actual, known: !o.New, shared: o.Shared, errors: o.Errors, id: o.ID}
	s.client, s.version = o.ClientName()
	if d := o.Document; d != nil {
		s.name, s.kind, s.hash = d.Name, d.Kind.String(), d.Hash
	}
	for i := range o.Fetches {
		f := &o.Fetches[i]
		s.looked, s.found = s.looked+f.Looked, s.found+f.Found
		if f.Sent == 0 {
			continue
		}
		s.fetches++
		s.fetching += f.Duration
		s.subgraphs = listed(s.subgraphs, f.Subgraph)
	}
	for _, code := range o.Codes {
		s.codes = listed(s.codes, code)
	}
	return s
}

// listed appends a name to a short list if it is not in it.
func listed(list []string, name string) []string {
	if len(list) < maxListed && !slices.Contains(list, name) {
		list = append(list, name)
	}
	return list
}

// traceID returns the ID of the trace of a request, or that under which the console shows its
// operation.
func (e *entry) traceID() string {
	if e.seen.present {
		return e.seen.id.String()
	}
	if sc := trace.SpanContextFromContext(e.request.Context()); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}
