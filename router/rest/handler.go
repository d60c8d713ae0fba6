package rest

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/internal/constraint"
	"souk/internal/memory"
	"souk/router/internal/body"
)

const (
	healthPath  = "/api/health"
	openAPIPath = "/api/openapi.json"
)

// Options configure a Handler. Documents, SchemaSDL and Graph are required.
type Options struct {
	Documents fs.FS  // the .graphql files with the operations, in its root directory
	SchemaSDL string // the API schema: the types of the graph without supergraph directives
	Executor  Executor

	// Health returns an error if the gateway cannot serve requests. It may be nil.
	Health func(context.Context) error
	// Redis stores the responses to POST requests with an Idempotency-Key. Without it, the
	// key is only passed to operations that take it as a variable.
	Redis redis.Cmdable
	// Caller returns a key that identifies the caller for idempotency records, such as the
	// subject of its token. Redis receives only an HMAC of it. The default is the
	// Authorization header.
	Caller func(*http.Request) string
	// Anonymous reports whether a request has no credentials. Forbidden requests of
	// anonymous callers get status 401 rather than 403. The default is to look for an
	// Authorization header.
	Anonymous func(*http.Request) bool
	// Challenge returns the value of WWW-Authenticate for an error code of RFC 6750,
	// section 3.1, or for "". The default uses the scheme Bearer.
	Challenge func(code string) string
	// MissingToken is the message for an anonymous caller whose request needs a token. The
	// default says to send Authorization: Bearer <token>.
	MissingToken string
	Logger       *slog.Logger
	Memory       *memory.Budget // charged for request bodies and responses; nil means no bound

	MaxBody           int64         // maximum size of a request body in bytes, before and after decompression; default 1 MiB
	BodyTimeout       time.Duration // for the error message only; the server sets the deadline
	Records           Records       // storage of responses for a repeated Idempotency-Key
	TextIDs           bool          // IDs are strings, not integers, in requests and responses
	HideSuggestions   bool          // problems do not suggest names from the schema
	Title, APIVersion string        // of the OpenAPI description
}

// A Handler serves the routes and /api/health, /api/openapi.json and /api/docs.
type Handler struct {
	routes  []*route
	schema  *ast.Schema
	ids     integerIDs
	limits  map[*ast.FieldDefinition]*constraint.Limits // of the fields of input objects
	quiet   bool                                        // HideSuggestions
	graph   Executor
	health  func(context.Context) error
	records *records
	caller  func(*http.Request) string
	// anonymous is never nil.
	anonymous func(*http.Request) bool
	challenge func(code string) string // never nil
	// missingToken is the message for an anonymous caller whose request needs a token.
	missingToken string
	logger       *slog.Logger
	bodies       *body.Reader
	memory       *memory.Budget
	openAPI      []byte
}

// New compiles the operations and returns a Handler. The error joins a [*DocumentError] for
// each problem in the documents.
func New(o Options) (*Handler, error) {
	if o.Documents == nil || o.Executor == nil {
		return nil, errors.New("rest: Options.Documents and Options.Executor must be set")
	}
	schema, err := loadSchema(o.SchemaSDL)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		schema: schema, ids: integerIDs(!o.TextIDs), quiet: o.HideSuggestions, graph: o.Executor, health: o.Health,
		caller: o.Caller, anonymous: o.Anonymous, challenge: o.Challenge, logger: o.Logger, memory: o.Memory,
		missingToken: cmp.Or(o.MissingToken, "Missing access token. Send Authorization: Bearer <token>."),
	}
	if h.routes, err = loadRoutes(o.Documents, schema, h.ids); err != nil {
		return nil, err
	}
	if h.limits, err = inputLimits(schema); err != nil {
		return nil, err
	}
	h.bodies = body.NewReader(body.Limits{Bytes: int(cmp.Or(o.MaxBody, 1<<20)), Timeout: o.BodyTimeout, Memory: o.Memory})
	if h.logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	if h.caller == nil {
		h.caller = func(r *http.Request) string { return r.Header.Get("Authorization") }
	}
	if h.anonymous == nil {
		h.anonymous = func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }
	}
	if h.challenge == nil {
		h.challenge = func(code string) string {
			if code == "" {
				return "Bearer"
			}
			return `Bearer error="` + code + `"`
		}
	}
	if o.Redis != nil {
		h.records = newRecords(o.Redis, o.Records)
	}
	h.openAPI, err = describe(h, o.Title, o.APIVersion)
	return h, err
}

// ServeHTTP serves a request. It sets r.Pattern to the method and path of the route, so that
// middleware can name metrics and spans after it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := r.Method == http.MethodHead
	if own := h.ownPage(r.URL.Path); own != nil {
		r.Pattern = r.URL.Path
		h.serveOwn(w, r, own)
		return
	}
	byMethod, variables := match(h.routes, r.URL.EscapedPath())
	if len(byMethod) == 0 {
		h.unknownPath(r.URL.Path).response(r).writeTo(w, head)
		return
	}
	method := r.Method
	if head {
		method = http.MethodGet
	}
	route := byMethod[method]
	if route == nil {
		h.otherMethod(w, r, allow(byMethod))
		return
	}
	r.Pattern = route.method + " " + route.path
	res, p := h.answer(r.Context(), w, r, route, variables[route])
	if p != nil {
		res = p.response(r)
	}
	if tag := res.header.Get("ETag"); route.reads() && tag != "" && notModified(r, tag) {
		res = &response{status: http.StatusNotModified, header: res.header}
		res.header.Del("Content-Type")
	}
	res.writeTo(w, head)
}

// otherMethod answers OPTIONS requests, and requests with a method that the path does not
// support.
func (h *Handler) otherMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allowed)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p := &problem{problemKind: methodNotAllowed, detail: r.Method + " is not allowed on " + r.URL.Path + ". Allowed: " + allowed + "."}
	p.withHeader("Allow", allowed).response(r).writeTo(w, r.Method == http.MethodHead)
}

// answer processes a request of a route and returns its response or a problem.
func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, route *route, path map[string]string) (*response, *problem) {
	if !acceptsJSON(r) {
		return nil, notAcceptable(r)
	}
	q := newRequest(r, route, &coercer{schema: h.schema, ids: h.ids, limits: h.limits})
	q.graph, q.header = h.graph, w.Header()
	q.quiet = h.quiet
	if route.method == http.MethodPost {
		var p *problem
		if q.idempotencyKey, p = readIdempotencyKey(r); p != nil {
			return nil, p
		}
	}
	q.memory.Of(h.memory)
	defer q.memory.Release()
	if p := q.read(w, path, h.bodies); p != nil {
		return nil, p
	}
	if q.idempotencyKey == "" || route.secret {
		return h.execute(ctx, q)
	}
	if route.variableFrom(fromIdempotencyKey) != nil {
		// The operation is idempotent by itself, so a record of the router would only
		// stand in the way: the lease of a router that was killed, or a response from
		// before the caller may have changed something. Continue if the client
		// disconnects, as executeOnce does.
		return h.execute(context.WithoutCancel(ctx), q)
	}
	if h.records == nil {
		return h.execute(ctx, q)
	}
	return h.executeOnce(ctx, q)
}

// execute runs the operation. An operation expects one version. If If-Match has several,
// execute tries them in turn until one is the current version; the failed attempts have no
// effect.
func (h *Handler) execute(ctx context.Context, q *request) (*response, *problem) {
	res, p := h.executeOperation(ctx, q)
	for i := 1; i < len(q.versions) && p != nil && p.status == http.StatusPreconditionFailed; i++ {
		q.expect(q.versions[i])
		res, p = h.executeOperation(ctx, q)
	}
	return res, p
}

func (h *Handler) executeOperation(ctx context.Context, q *request) (*response, *problem) {
	answer, err := h.graph.Execute(ctx, q.header, q.http, q.route.document, q.route.operation.Name, q.variables())
	if err != nil {
		h.logger.ErrorContext(ctx, "REST operation failed", "operation", q.route.operation.Name, "error", err)
		return nil, graphFailure(ctx, err)
	}
	if p := h.charge(ctx, q, answer); p != nil {
		return nil, p
	}
	res, p := q.answer(answer)
	return res, h.challenged(q.http, p)
}

// codeDenied is the error code of a field that the caller may not access.
const codeDenied = "UNAUTHORIZED_FIELD_OR_TYPE"

// challenged adds a challenge to a 401 or 403 (RFC 6750, section 3.1): an anonymous caller gets
// 401 and needs a token, an authenticated one may need a token with more scopes.
func (h *Handler) challenged(r *http.Request, p *problem) *problem {
	switch {
	case p == nil:
		return nil
	case (p.status == http.StatusForbidden || p.needsCaller) && h.anonymous(r):
		return p.needsToken(h.missingToken).withHeader("WWW-Authenticate", h.challenge(""))
	case p.needsCaller && p.detail == "":
		p.detail = p.about
	case p.status == http.StatusForbidden && p.code == codeDenied && p.headers.Get("WWW-Authenticate") == "":
		p.withHeader("WWW-Authenticate", h.challenge("insufficient_scope"))
	}
	return p.withUsualHeaders()
}

// answerFootprint estimates the bytes of memory for each byte of an answer's data: the data
// itself, the parsed values, and the response.
const answerFootprint = 4

// charge charges the memory for a response to the budget. If the budget is exhausted, a read
// fails. A mutation has already taken effect, so its response is always written.
func (h *Handler) charge(ctx context.Context, q *request, a *Response) *problem {
	bytes := answerFootprint * len(a.Data)
	if !q.route.reads() {
		q.memory.Add(bytes)
		return nil
	}
	if q.memory.Grow(ctx, bytes) != nil {
		p := &problem{problemKind: unavailable, detail: "The router has reached its memory limit for requests in progress. Try again in 1 s."}
		return p.withHeader("Retry-After", "1")
	}
	return nil
}
