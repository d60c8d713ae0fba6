package canary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const (
	// maxDifferences bounds the paths in the log of one comparison, and maxPathBytes the
	// length of each.
	maxDifferences = 10
	maxPathBytes   = 200
)

// differences returns where two GraphQL responses differ, with the kinds of the values instead of
// the values. It leaves out the extensions. total counts all differences.
func differences(a, b []byte) (paths []string, total int, err error) {
	x, err := response(a)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the response to the client: %w", err)
	}
	y, err := response(b)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the response to the copy: %w", err)
	}
	d := differ{}
	d.compare("", x, y)
	return d.paths, d.total, nil
}

// response decodes a response or a batch of them.
func response(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // Token returns it bare
		return nil, fmt.Errorf("there is more than one JSON value")
	}
	switch v := v.(type) {
	case map[string]any:
		delete(v, "extensions")
	case []any:
		for _, one := range v {
			if one, ok := one.(map[string]any); ok {
				delete(one, "extensions")
			}
		}
	}
	return v, nil
}

type differ struct {
	paths []string
	total int
}

func (d *differ) add(path, what string) {
	d.total++
	if len(d.paths) == maxDifferences {
		return
	}
	path = strings.TrimPrefix(path, ".")
	if len(path) > maxPathBytes {
		path = strings.ToValidUTF8(path[:maxPathBytes], "") + "…"
	}
	d.paths = append(d.paths, path+": "+what)
}

func (d *differ) compare(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			d.objects(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			d.lists(path, x, y)
			return
		}
	default:
		// An object or a list in b has another kind, so the comparison of interfaces does not panic.
		if kind(a) == kind(b) && a == b {
			return
		}
	}
	if k := kind(a); k == kind(b) {
		d.add(path, "another "+k)
		return
	}
	d.add(path, kind(b)+" instead of "+kind(a))
}

func (d *differ) objects(path string, a, b map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		value, ok := b[name]
		if !ok {
			d.add(path+"."+name, "missing")
			continue
		}
		d.compare(path+"."+name, a[name], value)
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			d.add(path+"."+name, "additional")
		}
	}
}

func (d *differ) lists(path string, a, b []any) {
	if len(a) != len(b) {
		d.add(path, fmt.Sprintf("%d items instead of %d", len(b), len(a)))
		return
	}
	for i := range a {
		d.compare(fmt.Sprintf("%s[%d]", path, i), a[i], b[i])
	}
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "list"
	}
	return "object"
}
