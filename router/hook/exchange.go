package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"souk/router/auth"
	"souk/router/operation"
	"souk/router/plan"
)

// A Carrier is the way in of a request.
type Carrier string

// The ways in. HTTP covers responses as server-sent events and in parts, too:
// the client's Accept header decides on these.
const (
	HTTP        Carrier = "http"
	Batch       Carrier = "batch"
	EventStream Carrier = "event-stream" // the single connection mode of server-sent events
	WebSocket   Carrier = "websocket"
	REST        Carrier = "rest"
)

// An Exchange is one GraphQL request with its response or responses. All hooks
// for it see the same one.
type Exchange struct {
	// ID is a random name for the exchange.
	ID string
	// Carrier is how the request came.
	Carrier Carrier
	// HTTP is the HTTP request that brought it: the handshake's on a WebSocket,
	// with the headers of connection_init. It must not be changed, and its body
	// is spent.
	HTTP *http.Request
	// ClientHeader is the client's header as the router uses it: for
	// propagation to subgraphs, cache keys and override labels. Hooks up to Plan
	// may change it.
	ClientHeader http.Header
	// ResponseHeader is the header of the response to come. What is set here is
	// lost where an operation has no response header of its own: in batches and
	// on sockets, and after the first payload.
	ResponseHeader http.Header
	// Supergraph is a hash of the supergraph's SDL that answers the exchange.
	Supergraph string
	// Caller is who the access token says is calling; nil for nobody known. A
	// Request hook may set it: authorization and caching go by it.
	Caller *auth.Caller
	// Partition keeps answers apart that the router would take for equal: cached
	// entities, equal queries in flight, and shared subscriptions are shared only
	// within a partition. Request and Operation hooks may set it, to a tenant for
	// example.
	Partition string
	// Labels turns on labels of progressive overrides, beside those that the
	// configuration turns on. Request and Operation hooks may set it.
	Labels []string
	// Operation is nil until the operation is known. It must not be changed.
	Operation *Operation
	// Plan is nil until the operation is planned, and always if there are no Plan
	// hooks. It must not be changed.
	Plan *plan.Plan

	mu         sync.RWMutex
	values     map[any]any
	extensions map[string]json.RawMessage
}

// An Operation is what a client asks for.
type Operation struct {
	// Name is empty for an anonymous operation.
	Name string
	Kind operation.Kind
	// Hash is the SHA-256 of the document's text, in hex.
	Hash string
	// Document is its text.
	Document string
	// Variables are coerced: defaults are filled in.
	Variables operation.Variables
}

// Set keeps a value for later hooks of the exchange. As with context.WithValue,
// the key's type should be the caller's own.
func (e *Exchange) Set(key, value any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.values == nil {
		e.values = map[any]any{}
	}
	e.values[key] = value
}

// Value gives the value that was set for a key, or nil.
func (e *Exchange) Value(key any) any {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.values[key]
}

// LoadOrSet gives the value that was set for a key, or else sets and gives a new
// one.
func (e *Exchange) LoadOrSet(key any, make func() any) any {
	e.mu.Lock()
	defer e.mu.Unlock()
	if value, ok := e.values[key]; ok {
		return value
	}
	value := make()
	if e.values == nil {
		e.values = map[any]any{}
	}
	e.values[key] = value
	return value
}

// SetExtension adds a member to the extensions of the next response, in the
// place of any other of the name. It fails for a value without a JSON form.
func (e *Exchange) SetExtension(name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("extension %q of the response: %w", name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.extensions == nil {
		e.extensions = map[string]json.RawMessage{}
	}
	e.extensions[name] = text
	return nil
}

// Extensions gives the members that have been set since the last call, for
// whoever writes the response; nil for none.
func (e *Exchange) Extensions() map[string]json.RawMessage {
	e.mu.Lock()
	defer e.mu.Unlock()
	set := maps.Clone(e.extensions)
	clear(e.extensions)
	if len(set) == 0 {
		return nil
	}
	return set
}

type contextKey struct{}

// NewContext gives a context of an exchange.
func NewContext(ctx context.Context, e *Exchange) context.Context {
	return context.WithValue(ctx, contextKey{}, e)
}

// FromContext gives the exchange of a context: for policy evaluators, observers
// and whatever else is given the context alone. It is nil without hooks.
func FromContext(ctx context.Context) *Exchange {
	e, _ := ctx.Value(contextKey{}).(*Exchange)
	return e
}
