package mock

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
)

const (
	// maxRequestBytes bounds a request, in bytes.
	maxRequestBytes = 16 << 20
	// maxTokens bounds an operation, in tokens.
	maxTokens = 1_000_000
	// maxObjects bounds the objects and list items of a response: lists after that are
	// empty. An operation with ten times as many objects is refused.
	maxObjects = 20_000
)

// Options configure a mock.
type Options struct {
	// SDL is the schema of the subgraph.
	SDL string
	// API is the API schema of the graph. If it is given, the mock uses only types and enum
	// values that clients can see.
	API string
	// Seed selects the data.
	Seed uint64
	// Events is how many events a subscription has, and Interval the time between two.
	Events   int
	Interval time.Duration
	// After is time.After, but in tests.
	After func(time.Duration) <-chan time.Time
}

// A Subgraph responds to the operations that a router sends to a subgraph. It is safe for
// concurrent use.
type Subgraph struct {
	schema  *schema
	seed    uint64
	options Options
}

// New returns a mock of a subgraph.
func New(o Options) (*Subgraph, error) {
	s, err := read(o.SDL)
	if err != nil {
		return nil, err
	}
	if o.API != "" {
		if s.api, err = syntax.LoadSchema(&ast.Source{Name: "API schema", Input: o.API}); err != nil {
			return nil, fmt.Errorf("loading the API schema: %w", err)
		}
	}
	return &Subgraph{schema: s, seed: o.Seed, options: o}, nil
}

// ServeHTTP responds to a POST request with an operation. Subscriptions are served as
// server-sent events, or over a WebSocket.
func (s *Subgraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wantsWebSocket(r) {
		s.serveWebSocket(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes))
	if err != nil || !json.Valid(body) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(failure(errors.New("the request has no operation in JSON")))
		return
	}
	o, err := s.parse(body)
	if err == nil && o.Operation == ast.Subscription {
		if wantsEvents(r) {
			s.serveEvents(w, r, o)
			return
		}
		err = errors.New("a subscription needs Accept: text/event-stream, or a WebSocket with " + subprotocol)
	}
	var response []byte
	if err == nil {
		response, err = s.run(o, 0)
	}
	if err != nil {
		response = failure(err)
	}
	_, _ = w.Write(response)
}

func failure(err error) []byte {
	encoded, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{"message": err.Error()}}}) // strings always encode
	return encoded
}

// An operation is an operation with its variables.
type operation struct {
	*ast.OperationDefinition
	fragments ast.FragmentDefinitionList
	variables map[string]any
}

// parse reads an operation from a request.
func (s *Subgraph) parse(body []byte) (*operation, error) {
	var request struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // keys come back as they are
	if err := decoder.Decode(&request); err != nil {
		return nil, fmt.Errorf("the request has no operation in JSON: %w", err)
	}
	document, err := syntax.Query(&ast.Source{Input: request.Query}, maxTokens)
	if err != nil {
		return nil, err
	}
	definition := document.Operations.ForName(request.OperationName)
	if definition == nil {
		return nil, fmt.Errorf("there is no operation %q", request.OperationName)
	}
	values := map[string]any{}
	for _, v := range definition.VariableDefinitions {
		if given, ok := request.Variables[v.Variable]; ok {
			values[v.Variable] = given
		} else if v.DefaultValue != nil {
			values[v.Variable] = syntax.Value(v.DefaultValue, nil)
		}
	}
	return &operation{definition, document.Fragments, values}, nil
}

// run executes an operation and returns the response. Events are numbered from 0; each has
// another root object.
func (s *Subgraph) run(o *operation, event uint64) ([]byte, error) {
	e := &execution{Subgraph: s, fragments: o.fragments, variables: o.variables, event: event}
	e.out.WriteString(`{"data":`)
	root := &object{typename: s.schema.roots[o.Operation], n: event + 1}
	if err := e.nullable(true, func() error { return e.object(root, []ast.SelectionSet{o.SelectionSet}) }); err != nil {
		return nil, err
	}
	if len(e.refused) > 0 {
		e.out.WriteString(`,"errors":`)
		e.write(e.refused)
	}
	e.out.WriteByte('}')
	return e.out.Bytes(), nil
}
