package compose

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/dop251/goja"
)

//go:generate sh -c "command -v npm >/dev/null || { echo 'no npm here: the composition bundle stays as it is'; exit 0; }; cd bundle && npm ci --ignore-scripts --no-audit --no-fund && npm run build && rm -rf node_modules"

//go:embed bundle/composition.js
var bundle string

// compiled returns the compiled bundle. Parsing it takes as long as a small
// composition, so it happens only once.
var compiled = sync.OnceValues(func() (*goja.Program, error) {
	return goja.Compile("composition.js", bundle, true)
})

// maxCallDepth stops an endless recursion long before it exhausts memory. The
// deepest recursion observed in a real composition is a tenth of it.
const maxCallDepth = 10_000

type jsSubgraph struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	SDL  string `json:"sdl"`
}

type jsResult struct {
	Supergraph string `json:"supergraph"`
	Errors     []struct {
		Code     string `json:"code"`
		Message  string `json:"message"`
		Subgraph string `json:"subgraph"`
		Line     int    `json:"line"`
		Column   int    `json:"column"`
	} `json:"errors"`
}

// run composes in a new JavaScript engine, so calls share no state. It stops when
// ctx is done.
func run(ctx context.Context, subgraphs []Subgraph) (string, error) {
	in := make([]jsSubgraph, len(subgraphs))
	for i, s := range subgraphs {
		in[i] = jsSubgraph(s)
	}
	input, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("compose: encoding the subgraphs: %w", err)
	}
	output, err := call(ctx, string(input))
	if err != nil {
		return "", err
	}
	var result jsResult
	if err := json.Unmarshal([]byte(output), &result); err != nil {
		return "", fmt.Errorf("compose: decoding the result of the library: %w", err)
	}
	if len(result.Errors) == 0 {
		return result.Supergraph, nil
	}
	problems := make(Errors, len(result.Errors))
	for i, e := range result.Errors {
		problems[i] = located(&Error{Code: e.Code, Message: e.Message, Subgraph: e.Subgraph, Line: e.Line, Column: e.Column}, subgraphs)
	}
	return "", problems
}

// call calls the function compose of the bundle.
func call(ctx context.Context, input string) (string, error) {
	program, err := compiled()
	if err != nil {
		return "", fmt.Errorf("compose: compiling the bundle: %w", err)
	}
	vm := goja.New()
	vm.SetMaxCallStackSize(maxCallDepth)
	stop := context.AfterFunc(ctx, func() { vm.Interrupt(context.Cause(ctx)) })
	defer stop()
	if _, err := vm.RunProgram(program); err != nil {
		return "", callError(ctx, err)
	}
	compose, ok := goja.AssertFunction(vm.Get("compose"))
	if !ok {
		return "", errors.New("compose: the bundle defines no compose function")
	}
	output, err := compose(goja.Undefined(), vm.ToValue(input))
	if err != nil {
		return "", callError(ctx, err)
	}
	return output.String(), nil
}

// callError converts an error of the JavaScript engine.
func callError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("compose: %w", context.Cause(ctx))
	}
	var overflow *goja.StackOverflowError
	if errors.As(err, &overflow) {
		return Errors{{Code: CodeInvalidGraphQL, Message: "an SDL is nested too deeply to be composed"}}
	}
	return fmt.Errorf("compose: %w", err)
}

// prefixed matches messages about one subgraph: `[name] message`.
var prefixed = regexp.MustCompile(`(?s)^\[([^\]]+)\] (.*)$`)

// located moves the name of the subgraph from the message to the field Subgraph.
func located(e *Error, subgraphs []Subgraph) *Error {
	if m := prefixed.FindStringSubmatch(e.Message); m != nil {
		for _, s := range subgraphs {
			if s.Name == m[1] {
				e.Subgraph, e.Message = s.Name, m[2]
			}
		}
	}
	if e.Subgraph == "" { // a position is meaningless without a document
		e.Line, e.Column = 0, 0
	}
	return e
}
