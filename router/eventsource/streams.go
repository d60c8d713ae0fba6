package eventsource

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/internal/syntax"
	"souk/router/supergraph"
)

// streams are the event streams of a supergraph.
type streams struct {
	model  *supergraph.Model
	fields map[string]map[string]*stream // by subgraph and field
}

// A stream is the event stream of one field.
type stream struct {
	field    *supergraph.Field
	provider string
	topic    *template
	filter   condition // nil: all events
	defaults map[string]any
}

// compile reads the event streams of a supergraph. The error lists each one that is not valid,
// with its place.
func compile(m *supergraph.Model, sources map[string]Source) (*streams, error) {
	s := &streams{model: m, fields: map[string]map[string]*stream{}}
	if m.Subscription == nil {
		return s, nil
	}
	var problems []error
	for _, f := range m.Subscription.Fields {
		if f.Events == nil {
			continue
		}
		made, err := compileStream(f, sources)
		if err != nil {
			problems = append(problems, fmt.Errorf("line %d, column %d: %s.%s: @eventStream: %w", f.Events.Line, f.Events.Column, f.Parent.Name, f.Name, err))
			continue
		}
		of := f.In[0].Subgraph.Name
		if s.fields[of] == nil {
			s.fields[of] = map[string]*stream{}
		}
		s.fields[of][f.Name] = made
	}
	return s, errors.Join(problems...)
}

func compileStream(f *supergraph.Field, sources map[string]Source) (*stream, error) {
	s := &stream{field: f, provider: f.Events.Provider, defaults: map[string]any{}}
	source := sources[s.provider]
	if source == nil {
		known := "none is configured"
		if len(sources) > 0 {
			known = "configured are " + strings.Join(slices.Sorted(maps.Keys(sources)), ", ")
		}
		return nil, fmt.Errorf("the provider %q is not in event_sources.providers of the router's configuration; %s", s.provider, known)
	}
	var err error
	if s.topic, err = parseTemplate(f.Events.Topic, f); err != nil {
		return nil, err
	}
	for _, p := range s.topic.parts {
		if err := source.CheckTopic(p.literal); p.path == nil && err != nil {
			return nil, fmt.Errorf("the topic %q: %w", f.Events.Topic, err)
		}
	}
	if f.Events.Filter != "" {
		if s.filter, err = parseFilter(f.Events.Filter, f); err != nil {
			return nil, err
		}
	}
	for _, a := range f.Arguments {
		if a.Default == "" {
			continue
		}
		doc, err := syntax.Query(&ast.Source{Input: "{f(a:" + a.Default + ")}"}, 0)
		if err != nil {
			return nil, fmt.Errorf("the default value of the argument %s: %w", a.Name, err)
		}
		if field, ok := doc.Operations[0].SelectionSet[0].(*ast.Field); ok {
			s.defaults[a.Name] = syntax.Value(field.Arguments[0].Value, nil)
		}
	}
	return s, nil
}
