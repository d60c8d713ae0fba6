package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/documents"
	"souk/router/internal/syntax"
	"souk/router/operation"
)

// A Call is an operation that an agent calls.
type Call struct {
	Document, Operation string
	Variables           json.RawMessage
}

// A tool is an operation of a document.
type tool struct {
	sdk.Tool
	document string
}

// SetTools offers the operations of trusted documents that are valid for a schema. Clients with a
// session learn that the list has changed.
func (s *Server) SetTools(schema *operation.Schema, list []documents.Document) {
	s.changing.Lock()
	defer s.changing.Unlock()
	next := s.toolsOf(schema, list)
	var gone []string
	for name := range s.tools {
		if next[name] == nil {
			gone = append(gone, name)
			delete(s.tools, name)
		}
	}
	s.server.RemoveTools(gone...)
	for _, name := range slices.Sorted(maps.Keys(next)) {
		t := next[name]
		text, err := json.Marshal(t.Tool)
		if err != nil {
			s.options.Logger.Error("an operation cannot be a tool", "operation", name, "error", err)
			continue
		}
		if is := t.document + "\n" + string(text); s.tools[name] != is {
			s.tools[name] = is
			s.server.AddTool(&t.Tool, s.handler(t))
		}
	}
	s.options.Metrics.SetTools(slices.Collect(maps.Keys(s.tools)))
	s.options.Logger.Info("tools for agents loaded", "tools", len(s.tools))
}

// toolsOf returns the tools by their names.
func (s *Server) toolsOf(schema *operation.Schema, list []documents.Document) map[string]*tool {
	tools := map[string]*tool{}
	without := func(d documents.Document, name, reason string) {
		s.options.Logger.Warn("an operation of a trusted document is no tool for agents", "operation", name, "id", d.ID, "reason", reason)
	}
	for _, d := range list {
		if d.Client != "" && d.Client != s.options.Client {
			continue
		}
		parsed, err := syntax.Query(&ast.Source{Name: d.File, Input: d.Body}, 0)
		if err != nil {
			without(d, d.Name, err.Error())
			continue
		}
		for _, op := range parsed.Operations {
			if op.Operation == ast.Subscription || op.Operation == ast.Mutation && !s.options.Mutations {
				continue
			}
			known := tools[op.Name]
			switch {
			case op.Name == "":
				without(d, "", "it has no name")
				continue
			case known != nil && known.document == d.Body:
				continue
			case known != nil:
				without(d, op.Name, "another trusted document has an operation of this name")
				continue
			case s.options.MaxTools > 0 && len(tools) >= s.options.MaxTools:
				without(d, op.Name, "mcp.max_tools is reached")
				continue
			}
			if _, err := schema.Parse(d.Body, op.Name); err != nil {
				without(d, op.Name, err.Error())
				continue
			}
			if name, has := upload(schema.Definitions(), op, s.options.Files); has {
				without(d, op.Name, "its variable "+name+" is a file, which agents cannot send")
				continue
			}
			tools[op.Name] = newTool(schema.Definitions(), parsed, op, d.Body)
		}
	}
	return tools
}

func newTool(schema *ast.Schema, document *ast.QueryDocument, op *ast.OperationDefinition, text string) *tool {
	d := newDescriber(schema, document)
	fields := d.fields(op)
	reads := op.Operation == ast.Query
	destructive, open := !reads, false
	t := &tool{document: text, Tool: sdk.Tool{
		Name: op.Name, Description: describe(op, fields), InputSchema: input(schema, op, d.arguments),
		Annotations: &sdk.ToolAnnotations{ReadOnlyHint: reads, IdempotentHint: reads, DestructiveHint: &destructive, OpenWorldHint: &open},
	}}
	if out := output(schema, document, op); out != nil {
		t.OutputSchema = out
	}
	return t
}

// handler returns the function that runs a tool for a call.
func (s *Server) handler(t *tool) sdk.ToolHandler {
	return func(ctx context.Context, call *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		if call.Extra == nil || len(call.Extra.Header[callKey]) == 0 {
			return nil, fmt.Errorf("calling %s: the call has no HTTP request", t.Name)
		}
		if problem := unknownArguments(t.InputSchema.(*jsonschema.Schema), call.Params.Arguments); problem != "" {
			return failed(problem), nil
		}
		r, ok := s.requests.Load(call.Extra.Header[callKey][0])
		if !ok {
			return nil, fmt.Errorf("calling %s: the HTTP request has ended", t.Name)
		}
		body := s.options.Execute(ctx, r.(*http.Request), Call{Document: t.document, Operation: t.Name, Variables: call.Params.Arguments})
		return result(body, s.options.MaxResultBytes), nil
	}
}
