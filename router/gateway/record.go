package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/internal/clientname"
	"souk/router/internal/jsonscan"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/rest"
	"souk/router/supergraph"
)

// traceHeader is the response header with the ID under which the console shows the operation.
const traceHeader = "Souk-Trace-Id"

// records reports whether operations are recorded: for the console, or for reports.
func (gw *Gateway) records() bool { return gw.options.Recorder != nil || gw.options.Report != nil }

// see begins to record an operation for the console and for reports, and adds its ID to the
// response. It does nothing if nobody wants that: then x.seen stays nil, and the other methods
// in this file cost one comparison.
//
// The members of a batch share an exchange unless they are recorded, and have no header of their own for
// Server-Timing.
func (x *exchange) see(carrier string) {
	if x.batch && !x.records() {
		return
	}
	x.exposed = x.exposure()
	if !x.records() && x.exposed == exposeNothing && !x.config.Telemetry.ServerTiming {
		return
	}
	h := x.r.Header
	begin := record.NewDetached
	if r := x.options.Recorder; r != nil {
		begin = r.Begin
	}
	name, version := clientname.Of(h)
	o := begin(traceID(x.r.Context(), x.batch), name, version, clientname.Value(h, "User-Agent", ""))
	o.Start, o.Carrier = time.Now(), carrier
	x.seen = o
	if x.w != nil && !x.batch {
		var text [2 * len(o.ID)]byte
		hex.Encode(text[:], o.ID[:])
		x.w.Header()[traceHeader] = []string{string(text[:])}
	}
}

// traceID returns the ID of the request's trace, or a random one if it has none. The
// operations of a batch are in one trace, so that each needs an ID of its own.
func traceID(ctx context.Context, batch bool) (id record.TraceID) {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() && !batch {
		return record.TraceID(span.TraceID())
	}
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id
}

// saw ends the recording.
func (x *exchange) saw() {
	o := x.seen
	if o == nil {
		return
	}
	x.seen = nil
	o.Mark(record.Respond)
	o.Duration = time.Since(o.Start)
	if x.options.Report != nil {
		x.options.Report(x.r.Context(), o)
	}
	if r := x.options.Recorder; r != nil {
		r.End(o)
	} else {
		o.Free()
	}
}

// unsee ends the recording of a request that is no operation itself.
func (x *exchange) unsee() {
	if x.seen == nil {
		return
	}
	if r := x.options.Recorder; r != nil {
		r.Discard(x.seen)
	} else {
		x.seen.Free()
	}
	x.seen = nil
	delete(x.w.Header(), traceHeader)
}

// traced adds the ID to the response of a REST request.
func (x *exchange) traced(response *rest.Response) *rest.Response {
	if x.seen != nil {
		header := response.Header.Clone() // it may belong to a refusal that requests share
		if header == nil {
			header = http.Header{}
		}
		header[traceHeader] = []string{x.seen.ID.String()}
		response.Header, x.seen.Status = header, cmp.Or(response.Status, x.seen.Status, http.StatusOK)
	}
	return response
}

// maxSeenVariables bounds the variables that are recorded, in bytes.
const maxSeenVariables = 4 << 10

// sawDocument records the document of an operation and, in development mode, its variables.
func (x *exchange) sawDocument(p *prepared, req *request) {
	o := x.seen
	if o == nil {
		return
	}
	if d := p.document.described; d != nil {
		if p.text != nil {
			own := *d
			own.Hash = p.hash()
			d = &own
		}
		o.Identify(d)
	}
	o.New = !p.documentHit
	if x.config.Dev && len(req.variables) <= maxSeenVariables {
		o.Variables = append(o.Variables[:0], req.variables...)
	}
}

// sawInvalid records a document that is not valid.
func (x *exchange) sawInvalid(req *request, err error) {
	o := x.seen
	var (
		list operation.Errors
		one  *operation.Error
	)
	if o == nil || !errors.As(err, &list) && !errors.As(err, &one) {
		return // it may be valid: there was no room to read it
	}
	text, name := string(req.document), string(req.operationName)
	sum := sha256.Sum256(req.document)
	name, kind := x.snapshot.schema.Identify(text, name)
	shown := ""
	if x.config.Dev {
		shown = text
	}
	o.Identify(record.NewInvalid(hex.EncodeToString(sum[:]), name, shown, kind))
	o.New = true
}

// sawPlan records what the plan of an operation depends on. whole is the operation before
// authorization.
func (x *exchange) sawPlan(p *prepared, whole *operation.Operation) {
	o := x.seen
	if o == nil {
		return
	}
	o.Fields, o.Supergraph, o.Labels, o.Deferring = p.program.Fields, x.snapshot.id, string(p.labels), p.deferring
	o.Quick, o.Latencies = p.basis.quick, p.basis.latencies()
	o.Conditions = p.document.Conditions(p.vars)
	if p.op != whole {
		o.Authorized = p.op
	}
	o.Mark(record.Plan)
}

// sawResponse records one of the executor's responses. The cost of a response is the number
// of its objects, unless the operation is weighted by @cost.
func (x *exchange) sawResponse(response *execute.Response, p *prepared) {
	o := x.seen
	if o == nil {
		return
	}
	if len(response.Fetches) > 0 {
		o.Fetches = append(o.Fetches[:0], response.Fetches...)
	}
	sawErrors(o, response, response.Body)
	if !o.Deferring && !p.program.Weighted {
		o.Actual = float64(response.Objects)
		if p.op.Kind == operation.Mutation {
			o.Actual += limit.MutationCost
		}
	}
	o.Mark(record.Execute)
}

// hasCost reports whether a field, its type or one of its arguments has @cost.
func hasCost(f *supergraph.Field) bool {
	return f.Cost != nil || f.Named.Cost != nil ||
		slices.ContainsFunc(f.Arguments, func(a *supergraph.Argument) bool { return a.Cost != nil })
}

// sawShared records the response of an identical query in progress.
func (x *exchange) sawShared(f *flight) {
	if o := x.seen; o != nil && o.Shared {
		sawErrors(o, &f.outcome, f.body.Bytes)
		o.Mark(record.Execute)
	}
}

func sawErrors(o *record.Operation, response *execute.Response, body []byte) {
	if response.Errors == 0 {
		return
	}
	o.Errors += response.Errors
	o.Codes, o.Services = append(o.Codes, response.Codes...), append(o.Services, response.Services...)
	if len(o.Messages) == 0 {
		o.Messages = appendErrors(o.Messages, body)
	}
}

// sawEvent records an event of a subscription.
func (x *exchange) sawEvent(response *execute.Response) {
	r := x.options.Recorder
	if r == nil {
		return
	}
	o := r.Begin(traceID(context.Background(), false), "", "", "")
	o.Event, o.Start = true, time.Now()
	o.Fetches = append(o.Fetches[:0], response.Fetches...)
	o.Errors = response.Errors
	o.Codes, o.Services = append(o.Codes, response.Codes...), append(o.Services, response.Services...)
	r.End(o)
}

// sawCodes records the errors that end a subscription.
func (x *exchange) sawCodes(codes []string) {
	if o := x.seen; o != nil {
		o.Errors += len(codes)
		o.Codes = append(o.Codes, codes...)
	}
}

// sawFailure records that an operation was rejected.
func (x *exchange) sawFailure(f failure) {
	o := x.seen
	if o == nil {
		return
	}
	o.Rejected()
	o.Status, o.AtLimit = f.status, f.encoded != nil
	o.Errors += len(f.errors)
	for _, e := range f.errors {
		o.Codes = append(o.Codes, e.Code)
	}
	if f.encoded != nil {
		o.Messages = append(o.Messages[:0], f.encoded.list...)
	} else if text, err := json.Marshal(f.errors); err == nil && len(text) <= maxSeenErrors {
		o.Messages = append(o.Messages[:0], text...)
	}
}

// sawProblem records that a request was not an operation.
func (x *exchange) sawProblem(p *problem) {
	if x.seen != nil {
		x.sawFailure(failure{status: p.status, errors: operation.Errors{{Message: p.detail, Code: p.code}}})
	}
}

const (
	// maxSeenErrors bounds the errors that are recorded, in bytes.
	maxSeenErrors = 4 << 10
	// maxScannedBody is the size of a response from which its errors are not looked for.
	maxScannedBody = 256 << 10
)

// appendErrors appends the first errors of a response body as a JSON list, or nothing if
// there are none.
func appendErrors(b, body []byte) []byte {
	if len(body) > maxScannedBody {
		return b
	}
	start := len(b)
	members := jsonscan.NewReader(body, jsonscan.MaxDepth)
	err := members.Object(func(key []byte) error {
		if string(key) != "errors" {
			_, err := members.Value()
			return err
		}
		return members.Array(func(int) error {
			item, err := members.Value()
			if err != nil || len(b)-start+len(item) > maxSeenErrors {
				return err
			}
			if len(b) == start {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = append(b, item...)
			return nil
		})
	})
	if err != nil || len(b) == start {
		return b[:start]
	}
	return append(b, ']')
}

// coordinates returns the numbers of the fields that an operation selects, without
// introspection, and whether one of them is weighted by @cost.
func (s *snapshot) coordinates(r *record.Recorder, op *operation.Operation) (ids []uint32, weighted bool) {
	var visit func(t *supergraph.Type, list []operation.Selection)
	visit = func(t *supergraph.Type, list []operation.Selection) {
		for _, sel := range list {
			switch sel := sel.(type) {
			case *operation.InlineFragment:
				on := t
				if sel.TypeCondition != "" {
					on = s.model.Type(sel.TypeCondition)
				}
				visit(on, sel.Selections)
			case *operation.Field:
				if t == nil || t.Field(sel.Name) == nil {
					continue
				}
				field := t.Field(sel.Name)
				ids = append(ids, r.Field(t.Name+"."+sel.Name))
				weighted = weighted || hasCost(field)
				visit(field.Named, sel.Selections)
			}
		}
	}
	visit(s.model.Root(op.Kind), op.Selections)
	slices.Sort(ids)
	return slices.Clip(slices.Compact(ids)), weighted
}
