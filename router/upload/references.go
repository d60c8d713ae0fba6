package upload

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"souk/router/internal/jsonscan"
)

// A place is a position in operations: a file, or what is below it.
type place struct {
	below map[string]*place
	path  string
	file  int
	found bool
}

// refer returns operations with references in the places of files.
func (q *Request) refer(operations []byte) ([]byte, error) {
	operations = bytes.TrimSpace(operations)
	if len(operations) > 0 && operations[0] == '[' && len(q.files) > 0 {
		return nil, fault(http.StatusUnprocessableEntity, "A batch cannot have files. Send each operation as a request of its own.")
	}
	root := &place{}
	var leaves []*place
	for i, f := range q.files {
		if len(f.paths) == 0 {
			return nil, malformed("The entry %.100q of the part map names no variable.", f.key)
		}
		for _, path := range f.paths {
			leaf, err := root.add(path, i)
			if err != nil {
				return nil, err
			}
			leaves = append(leaves, leaf)
		}
	}
	if len(leaves) == 0 {
		return operations, nil
	}
	out, err := q.replace(nil, operations, root)
	if err != nil {
		return nil, err
	}
	for _, leaf := range leaves {
		if !leaf.found {
			return nil, malformed("The part map names %.100q, but operations has nothing there. It must be null.", leaf.path)
		}
	}
	return out, nil
}

func (p *place) add(path string, file int) (*place, error) {
	if !strings.HasPrefix(path, "variables.") {
		return nil, malformed("The part map names %.100q, but a path must begin with \"variables.\".", path)
	}
	for name := range strings.SplitSeq(path, ".") {
		if p.path != "" {
			return nil, malformed("The part map names %.100q, which is inside of another file.", path)
		}
		if p.below == nil {
			p.below = map[string]*place{}
		}
		if p.below[name] == nil {
			p.below[name] = &place{}
		}
		p = p.below[name]
	}
	if p.path != "" || p.below != nil {
		return nil, malformed("The part map names %.100q twice.", path)
	}
	p.path, p.file = path, file
	return p, nil
}

// replace appends a value to out, with references in the place of files.
func (q *Request) replace(out, value []byte, at *place) ([]byte, error) {
	r := jsonscan.NewReader(value, jsonscan.MaxDepth)
	first := r.Peek()
	switch {
	case at.path != "":
		if first != 'n' {
			return nil, malformed("The part map names %.100q, but operations has a value there. It must be null.", at.path)
		}
		at.found = true
		return strconv.AppendQuote(out, q.prefix+strconv.Itoa(at.file)), nil
	case first != '{' && first != '[':
		return append(out, value...), nil // refer reports what was not found
	}
	start := len(out)
	member := func(name string, quoted []byte) error {
		value, err := r.Value()
		if err != nil {
			return err
		}
		if len(out) > start+1 {
			out = append(out, ',')
		}
		out = append(out, quoted...)
		if below := at.below[name]; below != nil {
			out, err = q.replace(out, value, below)
			return err
		}
		out = append(out, value...)
		return nil
	}
	out = append(out, first)
	var err error
	if first == '[' {
		err = r.Array(func(i int) error { return member(strconv.Itoa(i), nil) })
		out = append(out, ']')
	} else {
		err = r.Object(func(name []byte) error {
			quoted, err := jsonscan.Marshal(string(name))
			if err != nil {
				return err
			}
			return member(string(name), append(quoted, ':'))
		})
		out = append(out, '}')
	}
	if err == nil {
		err = r.End()
	}
	var known *Error
	if err != nil && !errors.As(err, &known) {
		return nil, malformed("The part operations is not valid JSON: %v.", err)
	}
	return out, err
}

// In returns the indices of the files that a JSON value refers to.
func (q *Request) In(value []byte) []int {
	var found []int
	for {
		at := bytes.Index(value, []byte(q.prefix))
		if at < 0 {
			return found
		}
		value = value[at+len(q.prefix):]
		if i, ok := q.index(value); ok && !slices.Contains(found, i) {
			found = append(found, i)
		}
	}
}

// index returns the index of a file in what follows the prefix of a reference.
func (q *Request) index(rest []byte) (int, bool) {
	digits, _, _ := bytes.Cut(rest, []byte{'"'})
	i, err := strconv.Atoi(string(digits))
	return i, err == nil && i >= 0 && i < len(q.files)
}

// dereference replaces references in the variables of a request to a subgraph by null. It
// returns the paths of each file. It writes null and white space over the references.
func (q *Request) dereference(request []byte) (map[int][]string, error) {
	paths := map[int][]string{}
	r := jsonscan.NewReader(request, jsonscan.MaxDepth)
	err := r.Object(func(name []byte) error {
		value, err := r.Value()
		if err != nil || string(name) != "variables" {
			return err
		}
		return q.erase(value, "variables", paths)
	})
	if err != nil {
		return nil, fmt.Errorf("reading a request to a subgraph for its files: %w", err)
	}
	return paths, nil
}

func (q *Request) erase(value []byte, path string, paths map[int][]string) error {
	if !bytes.Contains(value, []byte(q.prefix)) {
		return nil
	}
	r := jsonscan.NewReader(value, jsonscan.MaxDepth)
	member := func(name string) error {
		value, err := r.Value()
		if err != nil {
			return err
		}
		return q.erase(value, path+"."+name, paths)
	}
	switch value[0] {
	case '{':
		return r.Object(func(name []byte) error { return member(string(name)) })
	case '[':
		return r.Array(func(i int) error { return member(strconv.Itoa(i)) })
	}
	rest, ok := bytes.CutPrefix(value[1:], []byte(q.prefix))
	if i, known := q.index(rest); ok && known {
		n := copy(value, "null")
		copy(value[n:], bytes.Repeat([]byte{' '}, len(value)-n))
		paths[i] = append(paths[i], path)
	}
	return nil
}
