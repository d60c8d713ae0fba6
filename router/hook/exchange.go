package hook

import (
	"bytes"
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

// A Carrier is the protocol by which a request arrives.
type Carrier string

// The carriers. HTTP includes responses as server-sent events and multipart responses,
// which the client's Accept header selects.
const (
	HTTP        Carrier = "http"
	Batch       Carrier = "batch"
	EventStream Carrier = "event-stream" // the single connection mode of server-sent events
	WebSocket   Carrier = "websocket"
	REST        Carrier = "rest"
	MCP         Carrier = "mcp" // a tool call of the Model Context Protocol
)

// An Exchange is one GraphQL request and its response or responses. All hooks of the
// request share it.
type Exchange struct {
	// ID is a random identifier of the exchange.
	ID string
	// Carrier is how the request arrived.
	Carrier Carrier
	// HTTP is the HTTP request that carried the GraphQL request. On a WebSocket it is
	// the handshake, with the headers of connection_init. It must not be modified, and
	// its body has been read.
	HTTP *http.Request
	// ClientHeader is the client's header as the router uses it for propagation to
	// subgraphs, cache keys and override labels. Hooks up to Plan may modify it.
	ClientHeader http.Header
	// ResponseHeader is the header of the response. It has no effect in batches and on
	// WebSockets, where an operation has no response header of its own, and after the
	// first payload. On an event stream in the single connection mode, it is the header
	// of the response to the operation's request up to Plan, and has no effect later.
	// Subgraph hooks must not modify it, because they may run at the same time; they can
	// store values for a Response hook.
	ResponseHeader http.Header
	// Supergraph is a hash of the SDL of the supergraph that answers the exchange.
	Supergraph string
	// SDL is the SDL of that supergraph.
	SDL string
	// Caller is the authenticated caller, or nil if the request is anonymous. A Request
	// hook may set it; authorization and caching use it.
	Caller *auth.Caller
	// Partition separates responses that the router would otherwise share: cached
	// entities, identical queries in flight, and subscriptions are shared only within a
	// partition. Request and Operation hooks may set it, for example to a tenant.
	Partition string
	// Labels activates labels of progressive overrides, in addition to those in the
	// configuration. Request and Operation hooks may set it.
	Labels []string
	// Operation is nil before the Operation hooks. It must not be modified.
	Operation *Operation
	// Plan is nil before the Plan hooks, and if there are none. It must not be
	// modified.
	Plan *plan.Plan

	mu         sync.RWMutex
	values     map[any]any
	context    map[string]json.RawMessage
	extensions map[string]json.RawMessage
}

// An Operation is a parsed and validated operation.
type Operation struct {
	// Name is empty for an anonymous operation.
	Name string
	Kind operation.Kind
	// Hash is the SHA-256 of Document, in hex.
	Hash string
	// Document is the text of the document.
	Document string
	// Variables are coerced (GraphQL, section 6.1.2), with defaults applied.
	Variables operation.Variables
	// Requires is what the authorization directives of the selected fields mention. It
	// is empty if authorization is disabled.
	Requires auth.Requirements
	// Labeled is set if the supergraph has labels of progressive overrides, which Labels of the
	// exchange activates.
	Labeled bool
}

// Set stores a value for later hooks of the exchange. As with context.WithValue, the
// type of the key should be unexported.
func (e *Exchange) Set(key, value any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.values == nil {
		e.values = map[any]any{}
	}
	e.values[key] = value
}

// Value returns the value that was set for a key, or nil.
func (e *Exchange) Value(key any) any {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.values[key]
}

// LoadOrSet returns the value that was set for a key. If there is none, it calls create
// and stores the result. create must not call methods of the Exchange.
func (e *Exchange) LoadOrSet(key any, create func() any) any {
	e.mu.Lock()
	defer e.mu.Unlock()
	if value, ok := e.values[key]; ok {
		return value
	}
	value := create()
	if e.values == nil {
		e.values = map[any]any{}
	}
	e.values[key] = value
	return value
}

// SetContext stores a value in the request context, which hooks share with the coprocessor and
// with header rules (set_from_context). It fails if the value cannot be encoded as JSON.
func (e *Exchange) SetContext(name string, value any) error {
	text, isText := value.(json.RawMessage)
	if !isText || !json.Valid(text) {
		var err error
		if text, err = json.Marshal(value); err != nil {
			return fmt.Errorf("value %q of the request context: %w", name, err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.context == nil {
		e.context = map[string]json.RawMessage{}
	}
	e.context[name] = text
	return nil
}

// Context returns a value of the request context as JSON, or nil.
func (e *Exchange) Context(name string) json.RawMessage {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.context[name]
}

// ContextValues returns a copy of the request context.
func (e *Exchange) ContextValues() map[string]json.RawMessage {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return maps.Clone(e.context)
}

// DeleteContext removes a value from the request context.
func (e *Exchange) DeleteContext(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.context, name)
}

// The values of the request context that the router sets for header rules and the coprocessor, by
// the names that Apollo Router has for them: the name of the operation, and its kind, such as query.
const (
	OperationName = "apollo::supergraph::operation_name"
	OperationKind = "apollo::supergraph::operation_kind"
)

// ContextText returns a value of the request context as a text: a string without quotes, a number
// or a boolean as it is, a list of those as [auth.JoinItems] writes it. It is empty for anything else.
func (e *Exchange) ContextText(name string) string {
	var value any
	d := json.NewDecoder(bytes.NewReader(e.Context(name)))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return ""
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var texts []string
	for _, item := range list {
		switch item := item.(type) {
		case string:
			texts = append(texts, item)
		case json.Number, bool:
			texts = append(texts, fmt.Sprint(item))
		default:
			return ""
		}
	}
	if !isList {
		return texts[0]
	}
	return auth.JoinItems(texts)
}

// SetExtension adds a member to the extensions of the next response. It replaces a
// member with the same name. It fails if the value cannot be encoded as JSON.
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

// Extensions returns and removes the members that have been set since the last call, or
// nil if there are none. The router calls it when it writes a response.
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

// NewContext returns a copy of ctx with an exchange.
func NewContext(ctx context.Context, e *Exchange) context.Context {
	return context.WithValue(ctx, contextKey{}, e)
}

// FromContext returns the exchange in ctx, for policy evaluators, observers and other
// code that receives only a context. It returns nil if the router has no hooks.
func FromContext(ctx context.Context) *Exchange {
	e, _ := ctx.Value(contextKey{}).(*Exchange)
	return e
}
