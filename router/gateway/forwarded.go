package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"souk/router/internal/jsonscan"
	"souk/router/operation"
)

// forwarded is what requests to subgraphs get of a client's request besides the operation, its
// variables and headers: extensions of the client, and values of the request context as headers.
type forwarded struct {
	// extensions has the names of extensions that any subgraph gets, by configuration, and
	// values those of the request context, with those to which private entries of the cache belong.
	extensions, values []string
	// bySubgraph has the names for single subgraphs.
	extensionsOf, valuesOf map[string][]string
}

func (gw *Gateway) newForwarded(subgraphs []string) forwarded {
	c := gw.config
	f := forwarded{extensions: c.RequestExtensions.Any(), values: c.ContextOf(subgraphs...), extensionsOf: map[string][]string{}, valuesOf: map[string][]string{}}
	for _, name := range subgraphs {
		f.extensionsOf[name], f.valuesOf[name] = c.RequestExtensions.Of(name), c.Headers.ContextOf(name)
	}
	return f
}

// takeExtensions keeps the extensions of a request that subgraphs get.
func (x *exchange) takeExtensions(extensions json.RawMessage) error {
	names := x.snapshot.forwarded.extensions
	if len(names) == 0 || len(extensions) == 0 {
		return nil
	}
	size := 0
	r := jsonscan.NewReader(extensions, jsonscan.MaxDepth)
	err := r.Object(func(name []byte) error {
		value, err := r.Value()
		if err != nil || !slices.Contains(names, string(name)) {
			return err
		}
		if x.sentExtensions.Get(string(name)) != nil {
			return invalidRequest("extensions has the member %s twice.", name)
		}
		if size += len(value); size > x.config.RequestExtensions.MaxBytes {
			return &Refusal{Status: http.StatusRequestEntityTooLarge, Err: &operation.Error{
				Message: fmt.Sprintf("The extensions of the request for subgraphs are longer than %d bytes.", x.config.RequestExtensions.MaxBytes), Code: codeTooLarge}}
		}
		x.sentExtensions = append(x.sentExtensions, operation.Variable{Name: string(name), Value: value})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(x.sentExtensions, func(a, b operation.Variable) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// detachExtensions makes the extensions independent of the text of the request, and returns their
// size.
func (x *exchange) detachExtensions() (size int) {
	x.sentExtensions = slices.Clone(x.sentExtensions)
	for i := range x.sentExtensions {
		x.sentExtensions[i].Value = bytes.Clone(x.sentExtensions[i].Value)
		size += len(x.sentExtensions[i].Value)
	}
	return size
}

// forwards reports whether subgraphs get anything that sentKey has.
func (x *exchange) forwards() bool {
	return len(x.sentExtensions) > 0 || x.hooked != nil && len(x.snapshot.forwarded.values) > 0
}

// sentKey returns a key of what a subgraph gets, or empty if it gets nothing.
func (x *exchange) sentKey(subgraph string) string {
	return x.keyOf(x.snapshot.forwarded.extensionsOf[subgraph], x.snapshot.forwarded.valuesOf[subgraph])
}

// keyOf returns a key of the values of extensions and of the request context.
func (x *exchange) keyOf(extensions, values []string) string {
	var b strings.Builder
	for _, name := range extensions {
		if value := x.sentExtensions.Get(name); value != nil {
			fmt.Fprintf(&b, "e%d:%s%d:%s", len(name), name, len(value), value)
		}
	}
	if x.hooked == nil {
		return b.String()
	}
	for _, name := range values {
		if text := x.hooked.ContextText(name); text != "" {
			b.WriteString("c" + strconv.Itoa(len(name)) + ":" + name + strconv.Itoa(len(text)) + ":" + text)
		}
	}
	return b.String()
}
