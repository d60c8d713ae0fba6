package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"souk/internal/memory"
	"souk/internal/users"
	"souk/router/auth"
	"souk/router/console/record"
	"souk/router/execute"
	"souk/router/hook"
	"souk/router/internal/echo"
	"souk/router/internal/hookchain"
	"souk/router/internal/jsonscan"
	"souk/router/internal/lazycontext"
	"souk/router/operation"
	routertelemetry "souk/router/telemetry"
	"souk/router/upload"
	"souk/telemetry"
)

// An exchange takes one operation from its request to its response: an HTTP request,
// a member of a batch, a REST call, or an operation on a WebSocket or event stream.
type exchange struct {
	*Gateway
	snapshot *snapshot
	share    *users.Share // of the snapshot, or nil if it was acquired
	w        http.ResponseWriter
	r        *http.Request
	accept   accepted
	// vary is the value of Vary. It is nil until the program is known.
	vary  []string
	batch bool
	// carrier is how the request arrived. It is empty for HTTP.
	carrier hook.Carrier
	hooked  *hooked
	// slot is the operation's share of max_in_flight.
	slot slot
	// memory is charged for the request body and for copies of the response.
	memory memory.Lease
	// text is charged for the text of the request: &memory, or the lease of a WebSocket
	// message. It is nil for a request without a body.
	text *memory.Lease
	// body is the buffer with the request body, or nil.
	body *bytes.Buffer
	// rest is the header of the response to a REST request, nil otherwise.
	rest http.Header
	// received has the headers of subgraphs for the client.
	received http.Header
	// seen is what the console and reports learn of the operation. It is nil if there are none
	// and the response has no timings.
	seen *record.Operation
	// sentExtensions are the extensions of the request that subgraphs get.
	sentExtensions operation.Variables
	// files are those of a multipart request, or nil.
	files *upload.Request
	// exposed is what the client may see of the plan.
	exposed exposure
	// eventID is the ID of the event that is being sent, or "".
	eventID string
	// length is the value of Content-Length.
	length [1]string
	// early is the operation whose response may be sent before it is complete, or nil, and sending sends
	// such a response.
	early   *prepared
	sending *earlyStream
	// outlives is set if the response outlives its handler: see package detach.
	outlives bool
}

// end ends an exchange.
func (x *exchange) end() {
	x.slot.release()
	x.saw()
	x.memory.Release()
	if x.share != nil {
		x.share.Leave()
	} else {
		x.snapshot.release()
	}
}

// A prepared operation has passed all stages before the executor.
type prepared struct {
	document *document
	// text is that of the request while it is prepared, if the document has another one.
	text                 []byte
	op                   *operation.Operation
	program              *execute.Program
	key                  planKey // that of the program
	vars                 operation.Variables
	documentHit, planHit bool
	// deferring is set if the operation uses @defer and the client accepts
	// incremental delivery.
	deferring bool
	labels    labelSet
	demand    *demand
	// ahead is set if the program is made before a request needs it, and may take longer.
	ahead bool
	// basis is what the program was planned by.
	basis planBasis
	// given are elements of the schema that only the values of variables use.
	given []string
}

func (x *exchange) serveGet() {
	req, err := parseQuery(x.r.URL.Query())
	if err != nil {
		x.fail(err)
		return
	}
	x.serve(&req)
}

func (x *exchange) servePost() {
	if isUpload(x.r.Header) {
		x.serveUpload()
		return
	}
	body, p := x.readBody(x.w, x.r, &x.memory)
	if p != nil {
		x.slot.unmeasured = true
		x.sawProblem(p)
		p.write(x.w)
		return
	}
	x.slot.received()
	x.body, x.text = body, &x.memory
	defer func() { bodies.put(x.body) }() // a subscription may have dropped it
	if list := bytes.TrimLeft(body.Bytes(), " \t\r\n"); len(list) > 0 && list[0] == '[' {
		x.serveBatch(list)
		return
	}
	req, err := parseBody(body.Bytes())
	if err != nil {
		x.fail(err)
		return
	}
	req.safe = x.r.Method == methodQuery
	x.serve(&req)
}

// serve answers one request with a single response, a multipart response or an event
// stream.
func (x *exchange) serve(req *request) {
	start := time.Now()
	p, err := x.prepare(x.r.Context(), req)
	*req = request{} // a subscription must not retain the body
	if err != nil {
		x.failUpload()
		x.fail(err)
		return
	}
	switch {
	case x.exposed == exposeOnlyPlan:
		x.respondPlan(p)
	case x.files != nil:
		x.serveFiles(p, start)
	case p.op.Kind == operation.Subscription:
		x.serveStream(p)
	case x.accept.single == noMediaType && !x.accept.parts && x.accept.events:
		x.serveStream(p)
	case x.accept.parts && (p.deferring || x.accept.single == noMediaType):
		x.serveParts(p, start)
	case x.shares(p):
		x.mayStream(p)
		defer x.closeStream()
		x.serveShared(p, start)
	case x.refuseEarly(p):
	default:
		x.mayStream(p)
		ctx := x.deadline(x.r.Context())
		defer ctx.Cancel()
		defer x.closeStream()
		response := x.run(ctx, p, start)
		x.respond(p, response.Body, response)
		response.Release()
	}
}

// deadline returns the context of an execution. The caller must cancel it.
func (x *exchange) deadline(ctx context.Context) *lazycontext.Context {
	limited := new(lazycontext.Context)
	limited.Init(ctx, x.expiry())
	return limited
}

// expiry returns when an execution that begins now must end, or zero for never.
func (x *exchange) expiry() time.Time {
	if d := x.config.TrafficShaping.Router.Timeout; d > 0 {
		return time.Now().Add(d)
	}
	return time.Time{}
}

// prepare takes a request through the stages before the executor: hooks, persisted
// documents, parsing and validation, variables, authorization, cost, planning. The
// errors are those that describe knows.
func (x *exchange) prepare(ctx context.Context, req *request) (*prepared, error) {
	x.seen.Mark(record.Receive)
	if x.hooks != nil {
		if err := x.hookRequest(req); err != nil {
			return nil, err
		}
		ctx = x.hookContext(ctx)
	}
	if !req.own {
		client, _ := x.client()
		if err := x.persisted.resolve(ctx, req, client); err != nil {
			return nil, err
		}
	}
	if req.document == nil {
		return nil, invalidRequest("The request has no query.")
	}
	if err := x.takeExtensions(req.extensions); err != nil {
		return nil, err
	}
	p, err := x.read(ctx, req, x.generalises(req))
	if p != nil && p.document.template != nil && hasPlace(err) {
		p, err = x.read(ctx, req, false) // so that the error has the places in this document
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// read takes a request with its document through the stages from parsing to planning. If general is
// set, documents that differ in literals only may be one.
func (x *exchange) read(ctx context.Context, req *request, general bool) (*prepared, error) {
	d, vars, hit, err := x.find(ctx, req, general)
	if err != nil {
		x.sawInvalid(req, err)
		return nil, err
	}
	p := &prepared{document: d, documentHit: hit, vars: vars}
	if d.template != nil {
		p.text = req.document
	}
	for _, e := range d.Exceeded() {
		x.metrics.LimitExceeded(e.Code).Inc()
	}
	x.sawDocument(p, req)
	if req.safe && d.Kind() == operation.Mutation {
		return nil, &Refusal{Status: http.StatusMethodNotAllowed, Header: http.Header{"Allow": {"POST"}},
			Err: &operation.Error{Message: "Mutations cannot be sent with " + x.r.Method + ". Use POST.", Code: codeMethod}}
	}
	if x.config.Limits.ForbidMutations && d.Kind() == operation.Mutation {
		return nil, errMutation
	}
	if x.files != nil {
		if req.variables, err = x.mapFiles(req.variables); err != nil {
			return nil, err
		}
	}
	if e := d.LongList(req.variables); e != nil {
		x.logExceeded(ctx, p, 4, e.Code, e.Message)
	}
	if d.template == nil {
		if p.vars, err = d.Variables(req.variables); err != nil {
			return nil, err
		}
	}
	p.deferring = d.Defers() && x.takesParts() && x.files == nil
	p.op = d.choose(p.vars, p.deferring)
	x.snapshot.reweigh(d)
	if req.register != "" {
		x.persisted.register(ctx, req.register, d)
	}
	if hit {
		x.seen.Mark(record.Parse)
	} else {
		x.seen.Mark(record.Validate)
	}
	err = x.admit(ctx, p)
	p.text = nil // it belongs to the body
	return p, err
}

// errMutation is the error of mutations that limits.forbid_mutations forbids.
var errMutation = &Refusal{Status: http.StatusForbidden, Err: &operation.Error{Message: "Mutations are forbidden.", Code: "MUTATION_FORBIDDEN"}}

// admit runs the stages that may reject an operation, and plans it.
func (x *exchange) admit(ctx context.Context, p *prepared) error {
	if !x.config.Introspection && !x.config.Dev && introspects(p.op) {
		return &operation.Error{Message: "Introspection is disabled.", Code: "INTROSPECTION_DISABLED"}
	}
	x.annotate(ctx, p)
	whole := p.op
	if err := x.hookOperation(p); err != nil {
		return err
	}
	var err error
	if x.snapshot.authorize != nil {
		if p.op, err = x.snapshot.authorize.Authorize(ctx, p.op); err != nil {
			return err
		}
	}
	if err := x.estimate(p); err != nil {
		return err
	}
	p.labels = x.labels()
	x.seen.Mark(record.Authorize)
	p.program, p.planHit, err = x.snapshot.program(ctx, x.metrics, p)
	if err != nil {
		return &unplannable{err}
	}
	if err := x.checkBudgets(p); err != nil {
		return err
	}
	x.sawPlan(p, whole)
	x.use(p)
	return x.hookPlan(p)
}

// header returns the header of the HTTP response. In batches and on WebSockets, where
// an operation has no HTTP response of its own, it returns one that is discarded.
func (x *exchange) header() http.Header {
	if x.w == nil || x.batch {
		return http.Header{}
	}
	return x.w.Header()
}

// An unplannable error means that an operation is valid but the subgraphs cannot
// resolve it.
type unplannable struct{ err error }

func (u *unplannable) Error() string { return u.err.Error() }
func (u *unplannable) Unwrap() error { return u.err }

func introspects(op *operation.Operation) bool {
	for _, sel := range op.Selections {
		if f, ok := sel.(*operation.Field); ok && strings.HasPrefix(f.Name, "__") && f.Name != "__typename" {
			return true
		}
	}
	return false
}

// annotate adds the operation to the request's span, with the attributes of the
// OpenTelemetry semantic conventions for GraphQL.
func (x *exchange) annotate(ctx context.Context, p *prepared) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(
		attribute.String("graphql.operation.type", p.op.Kind.String()),
		attribute.String("graphql.operation.name", p.op.Name),
		attribute.String("graphql.document.hash", p.hash()),
	)
	if x.config.Telemetry.Document {
		span.SetAttributes(attribute.String("graphql.document", p.document.withoutValues()))
	}
}

// run executes a prepared operation. The caller must release the response.
func (x *exchange) run(ctx context.Context, p *prepared, start time.Time) *execute.Response {
	x.metrics.InFlight.Inc()
	ctx, end := x.beginStage(ctx, hook.Execute)
	response := x.executeReceiving(ctx, x.executeRequest(p))
	end(nil) // errors are part of the response
	x.metrics.InFlight.Dec()
	x.wrote(p)
	if response.Shed {
		x.metrics.Limits.Shed.Inc()
	}
	x.metrics.countErrors(response.Codes)
	x.metrics.countRefusals(response.Fetches)
	x.measureSubgraphs(p.op.Kind, response.Fetches)
	outcome := x.metrics.blame.Outcome(response.Codes, response.DataNull)
	x.measure(p, start, outcome)
	if !response.Shed { // otherwise, it is rejected
		x.metrics.Ended(outcome).Inc()
	}
	x.sawResponse(response, p)
	x.observe(p)
	x.exceeded(ctx, p, response)
	return response
}

// wrote is called when an operation has ended, or a part of it, and before the client gets a response.
func (x *exchange) wrote(p *prepared) {
	if p.op.Kind == operation.Mutation {
		x.flights.writes.End()
	}
}

// measure records the duration of an operation by its outcome.
func (x *exchange) measure(p *prepared, start time.Time, outcome routertelemetry.Outcome) {
	ctx, kind, seconds := x.r.Context(), p.op.Kind.String(), time.Since(start).Seconds()
	telemetry.Observe(ctx, x.metrics.Operation(kind, outcome), seconds)
	if x.metrics.ByOperation() {
		telemetry.Observe(ctx, x.metrics.NamedOperation(p.op.Name, kind, outcome), seconds)
	}
	if x.metrics.ByClient() {
		name, version := x.client()
		telemetry.Observe(ctx, x.metrics.Client(name, version, outcome), seconds)
	}
}

func (x *exchange) executeRequest(p *prepared) *execute.Request {
	req := &execute.Request{Program: p.program, ClientExtensions: x.sentExtensions, Variables: p.vars, Internals: x.config.Dev, Incremental: x.accept.form, Caller: x.caller()}
	if x.files != nil {
		req.Files = x.files
	}
	if x.early != nil {
		req.Early = x
	}
	req.IdempotencyKey = x.idempotencyKey(p)
	if x.options.Recorder != nil {
		req.Inspect = execute.CacheInspectionFrom(x.r.Context())
	}
	if x.config.Dev || x.exposed != exposeNothing || p.demand != nil || x.snapshot.marksStale {
		req.Extensions = func(data []byte, fetches []execute.FetchStatistics) []byte { return x.extensions(p, data, fetches) }
	}
	return req
}

func (x *exchange) caller() execute.Caller {
	caller := execute.Caller{Header: x.r.Header}
	if x.options.Caller != nil {
		caller = x.options.Caller(x.r)
	}
	if x.hooked != nil {
		caller.Partition = x.hooked.Partition
	}
	if x.forwards() {
		caller.Sent = x.sentKey
	}
	return caller
}

// A failure is the response to a request that is not executed.
type failure struct {
	status int
	header http.Header
	errors []*operation.Error
	// data is set if the response has "data": null in addition to the errors.
	data bool
	// rejected is set if a hook chose the status.
	rejected bool
	// encoded is that of the Refusal, or nil.
	encoded *encodedRefusal
}

// describe returns the status and errors for an error of prepare. The statuses follow
// GraphQL over HTTP, section 6.4.2: 400 for a document that cannot be parsed, 422 for
// one that is invalid. Unknown errors become 500 without details.
func describe(err error) failure {
	if r, ok := err.(*Refusal); ok { //nolint:errorlint // the shortest way for the most frequent error
		return r.failure()
	}
	var (
		list    operation.Errors
		one     *operation.Error
		refusal *Refusal
		bad     *malformed
		plan    *unplannable
		reject  *hook.Rejection
		fault   *hookchain.Fault
	)
	switch {
	case errors.As(err, &fault): // an internal error, whatever it wraps
	case errors.As(err, &reject):
		return rejected(reject)
	case errors.As(err, &refusal):
		return refusal.failure()
	case errors.As(err, &list):
		status := http.StatusUnprocessableEntity
		if list[0].Code == operation.CodeParseFailed {
			status = http.StatusBadRequest
		}
		return failure{status: status, errors: list}
	case errors.As(err, &one):
		return failure{status: http.StatusUnprocessableEntity, errors: operation.Errors{one}}
	case errors.As(err, &bad):
		return failure{status: bad.status, errors: operation.Errors{{Message: bad.detail, Code: codeBadRequest}}}
	case errors.As(err, &plan):
		return failure{status: http.StatusOK, data: true, errors: operation.Errors{{
			Message: "The subgraphs cannot answer this operation: " + plan.Error(), Code: "QUERY_PLANNING_FAILED"}}}
	case errors.Is(err, execute.ErrShuttingDown):
		return describe(errShuttingDown)
	case errors.Is(err, context.Canceled):
		return failure{status: auth.StatusClientClosed, errors: operation.Errors{{Message: "The request was cancelled.", Code: execute.CodeCancelled}}}
	}
	return failure{status: http.StatusInternalServerError, errors: operation.Errors{{Message: "Internal error.", Code: execute.CodeInternal}}}
}

func (r *Refusal) failure() failure {
	return failure{status: r.Status, header: r.Header, errors: operation.Errors{r.Err}, encoded: r.encoded}
}

// refuse is like describe. It also shortens and counts the errors, and the operation, for
// responses to clients.
func (gw *Gateway) refuse(err error) failure {
	f := describe(err)
	if f.encoded == nil {
		f.bound()
	}
	gw.metrics.refused(f.errors)
	return f
}

// bound shortens messages that quote the request. Cached errors may be shared between
// requests, so it changes copies.
func (f *failure) bound() {
	copied := false
	for i, e := range f.errors {
		short := echo.Shorten(e.Message)
		if short == e.Message {
			continue
		}
		if !copied {
			f.errors, copied = slices.Clone(f.errors), true
		}
		bounded := *e
		bounded.Message = short
		f.errors[i] = &bounded
	}
}

// body returns the failure as a GraphQL response.
func (f failure) body() []byte {
	var data *json.RawMessage
	if f.data {
		null := json.RawMessage("null")
		data = &null
	}
	out, err := jsonscan.Marshal(struct {
		Errors []*operation.Error `json:"errors"`
		Data   *json.RawMessage   `json:"data,omitempty"`
	}{f.errors, data})
	if err != nil { // unreachable: every value can be encoded
		panic(err)
	}
	return out
}
