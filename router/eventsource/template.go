package eventsource

import (
	"fmt"
	"strings"

	"souk/router/supergraph"
)

const (
	// maxTopic bounds the length of the name of a topic in bytes, and maxTopicValue that
	// of a value in it.
	maxTopic      = 512
	maxTopicValue = 128
)

// A template is the topic of a stream: literal text and references to arguments of the
// field, such as orders.{args.id}.
type template struct {
	text  string
	parts []part
}

// A part is literal text or, if path is set, a reference to an argument.
type part struct {
	literal string
	path    []string
}

// parseTemplate parses the topic of a field. Its references must name arguments of the field.
func parseTemplate(text string, f *supergraph.Field) (*template, error) {
	t := &template{text: text}
	if len(text) > maxTopic {
		return nil, fmt.Errorf("the topic has %d bytes; the maximum is %d", len(text), maxTopic)
	}
	for rest := text; rest != ""; {
		literal, after, open := strings.Cut(rest, "{")
		if strings.ContainsFunc(literal, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '}' }) {
			return nil, fmt.Errorf("the topic %q has a space, a brace without its counterpart, or a character that is not ASCII", text)
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !open {
			break
		}
		reference, after, closed := strings.Cut(after, "}")
		if !closed {
			return nil, fmt.Errorf("the topic %q has a { without }", text)
		}
		path, err := argumentPath(reference, f)
		if err != nil {
			return nil, fmt.Errorf("the topic %q: %w", text, err)
		}
		t.parts = append(t.parts, part{path: path})
		rest = after
	}
	return t, nil
}

// argumentPath parses a reference such as args.input.id. The argument must exist and, as every
// member of an input object on the way, have a scalar type or an enum at the end.
func argumentPath(reference string, f *supergraph.Field) ([]string, error) {
	path := strings.Split(reference, ".")
	if path[0] != "args" || len(path) < 2 {
		return nil, fmt.Errorf("{%s} is not a reference to an argument, such as {args.id}", reference)
	}
	path = path[1:]
	known := func() string {
		var names []string
		for _, a := range f.Arguments {
			names = append(names, a.Name)
		}
		if len(names) == 0 {
			return "it has none"
		}
		return "it has " + strings.Join(names, ", ")
	}
	var named *supergraph.Type
	var typ string
	for _, a := range f.Arguments {
		if a.Name == path[0] {
			named, typ = a.Named, a.Type
		}
	}
	if named == nil {
		return nil, fmt.Errorf("%s.%s has no argument %q; %s", f.Parent.Name, f.Name, path[0], known())
	}
	for _, name := range path[1:] {
		member := named.Field(name)
		if named.Kind != supergraph.InputObject || member == nil {
			return nil, fmt.Errorf("the type %s has no member %q", named.Name, name)
		}
		named, typ = member.Named, member.Type
	}
	if strings.HasPrefix(typ, "[") || named.Kind != supergraph.Scalar && named.Kind != supergraph.Enum {
		return nil, fmt.Errorf("%s is of the type %s; it must be a scalar or an enum", reference, typ)
	}
	return path, nil
}

// topic returns the name of the topic for the arguments of an operation. The error is for
// the client.
func (t *template) topic(arguments map[string]any) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.path == nil {
			b.WriteString(p.literal)
			continue
		}
		name := strings.Join(p.path, ".")
		text, ok := scalarText(lookup(arguments, p.path))
		switch {
		case !ok || text == "":
			return "", badInput("The argument %s is needed to select the events; give it a value.", name)
		case len(text) > maxTopicValue:
			return "", badInput("The argument %s selects the events, so it may have at most %d bytes.", name, maxTopicValue)
		case strings.ContainsFunc(text, unsafeInTopic):
			return "", badInput("The argument %s selects the events, so it may contain only letters of ASCII, digits and -_=+@~.", name)
		}
		b.WriteString(text)
	}
	if b.Len() > maxTopic {
		return "", badInput("The arguments make the name of a topic with more than %d bytes.", maxTopic)
	}
	return b.String(), nil
}

// unsafeInTopic reports whether a value must not contain a character: it could leave the place
// of the value in the name of the topic. Separators such as . : and / would select topics at
// another level, * and > are wildcards of NATS, and braces change the slot of a Redis key.
func unsafeInTopic(r rune) bool {
	safe := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_=+@~", r)
	return !safe
}

// badInput returns an error for a client whose arguments cannot select a topic.
func badInput(format string, args ...any) error {
	return &RequestError{Code: CodeBadUserInput, Message: fmt.Sprintf(format, args...)}
}
