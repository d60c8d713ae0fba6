package mock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
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
}

// A Subgraph responds to the operations that a router sends to a subgraph. It is safe for
// concurrent use.
type Subgraph struct {
	schema *schema
	seed   uint64
}

// New returns a mock of a subgraph.
func New(o Options) (*Subgraph, error) {
	s, err := read(o.SDL)
	if err != nil {
		return nil, err
	}
	if o.API != "" {
		if s.api, err = gqlparser.LoadSchema(&ast.Source{Name: "API schema", Input: o.API}); err != nil {
			return nil, fmt.Errorf("loading the API schema: %w", err)
		}
	}
	return &Subgraph{schema: s, seed: o.Seed}, nil
}

// ServeHTTP responds to a POST request with an operation.
func (s *Subgraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxRequestBytes))
	decoder.UseNumber() // keys come back as they are
	w.Header().Set("Content-Type", "application/json")
	if err := decoder.Decode(&request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(failure(fmt.Errorf("the request has no operation in JSON: %w", err)))
		return
	}
	data, err := s.execute(request.Query, request.OperationName, request.Variables)
	if err != nil {
		_, _ = w.Write(failure(err))
		return
	}
	_, _ = w.Write(append(append([]byte(`{"data":`), data...), '}'))
}

func failure(err error) []byte {
	encoded, _ := json.Marshal(map[string]any{"errors": []any{map[string]any{"message": err.Error()}}}) // strings always encode
	return encoded
}

// execute executes an operation and returns its data.
func (s *Subgraph) execute(query, name string, variables map[string]any) ([]byte, error) {
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxTokens)
	if err != nil {
		return nil, err
	}
	operation := document.Operations.ForName(name)
	if operation == nil {
		return nil, fmt.Errorf("there is no operation %q", name)
	}
	if operation.Operation == ast.Subscription {
		return nil, errors.New("mocked subgraphs have no subscriptions")
	}
	values := map[string]any{}
	for _, v := range operation.VariableDefinitions {
		if given, ok := variables[v.Variable]; ok {
			values[v.Variable] = given
		} else if v.DefaultValue != nil {
			if values[v.Variable], err = v.DefaultValue.Value(nil); err != nil {
				return nil, err
			}
		}
	}
	e := &execution{Subgraph: s, fragments: document.Fragments, variables: values}
	root := s.schema.roots[operation.Operation]
	if err := e.object(&object{typename: root, n: 1}, []ast.SelectionSet{operation.SelectionSet}); err != nil {
		return nil, err
	}
	return e.out.Bytes(), nil
}
