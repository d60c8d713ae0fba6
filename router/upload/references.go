package upload

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"souk/router/internal/jsonscan"
)

const (
	// maxNames bounds the names in a path to a file: "variables" and those below.
	maxNames = 64
	// maxPlaces bounds the paths to one file.
	maxPlaces = 16
)

// A place is a position in the variables: a file, or what is below it.
type place struct {
	below map[string]*place
	path  string
	file  int
	found bool
}

// refer returns variables with references in the places of files.
func (q *Request) refer(variables []byte) ([]byte, error) {
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
		return variables, nil
	}
	w := referrer{prefix: q.prefix, text: variables, r: jsonscan.NewReader(variables, jsonscan.MaxDepth)}
	if len(variables) > 0 {
		err := w.visit(root.below["variables"])
		if err == nil {
			err = w.r.End()
		}
		var known *Error
		switch {
		case errors.As(err, &known):
			return nil, known
		case err != nil:
			return nil, malformed("The variables in the part operations are not valid JSON: %v.", err)
		}
	}
	for _, leaf := range leaves {
		if !leaf.found {
			return nil, malformed("The part map names %.100q, but operations has nothing there. It must be null.", leaf.path)
		}
	}
	return append(w.out, variables[w.copied:]...), nil
}

func (p *place) add(path string, file int) (*place, error) {
	if !strings.HasPrefix(path, "variables.") {
		return nil, malformed("The part map names %.100q, but a path must begin with \"variables.\".", path)
	}
	if strings.Count(path, ".") >= maxNames {
		return nil, malformed("The part map names %.100q, but a path has at most %d names.", path, maxNames)
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

// A referrer copies variables, with references in the places of files. It reads each byte once:
// it descends only into places, and the number of names in a path is bounded.
type referrer struct {
	prefix string
	text   []byte
	r      jsonscan.Reader
	out    []byte
	copied int // how much of text is in out
}

// visit reads the value at a place.
func (w *referrer) visit(at *place) error {
	first := w.r.Peek()
	switch {
	case at.path != "":
		return w.put(at, first)
	case first == '{':
		return w.r.Object(func(name []byte) error { return w.member(at.below[string(name)]) })
	case first == '[':
		return w.r.Array(func(i int) error { return w.member(at.below[strconv.Itoa(i)]) })
	}
	return w.member(nil) // refer reports what was not found
}

func (w *referrer) member(below *place) error {
	if below != nil {
		return w.visit(below)
	}
	_, err := w.r.Value()
	return err
}

// put reads null and writes a reference.
func (w *referrer) put(at *place, first byte) error {
	if first != 'n' {
		return malformed("The part map names %.100q, but operations has a value there. It must be null.", at.path)
	}
	start := w.r.Offset()
	if _, err := w.r.Value(); err != nil {
		return err
	}
	w.out = strconv.AppendQuote(append(w.out, w.text[w.copied:start]...), w.prefix+strconv.Itoa(at.file))
	w.copied, at.found = w.r.Offset(), true
	return nil
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
		if err != nil || string(name) != "variables" || !bytes.Contains(value, []byte(q.prefix)) {
			return err
		}
		e := eraser{Request: q, r: jsonscan.NewReader(value, jsonscan.MaxDepth), path: []string{"variables"}, found: paths}
		return e.visit()
	})
	if err != nil {
		return nil, fmt.Errorf("reading a request to a subgraph for its files: %w", err)
	}
	return paths, nil
}

// An eraser writes over references in variables, which it reads once.
type eraser struct {
	*Request
	r     jsonscan.Reader
	path  []string // where r is
	found map[int][]string
}

func (e *eraser) visit() error {
	switch e.r.Peek() {
	case '{':
		return e.r.Object(func(name []byte) error { return e.member(string(name)) })
	case '[':
		return e.r.Array(func(i int) error { return e.member(strconv.Itoa(i)) })
	}
	value, err := e.r.Value()
	if err != nil || value[0] != '"' {
		return err
	}
	rest, ok := bytes.CutPrefix(value[1:], []byte(e.prefix))
	if i, known := e.index(rest); ok && known {
		n := copy(value, "null")
		copy(value[n:], bytes.Repeat([]byte{' '}, len(value)-n))
		e.found[i] = append(e.found[i], strings.Join(e.path, "."))
	}
	return nil
}

func (e *eraser) member(name string) error {
	e.path = append(e.path, name)
	err := e.visit()
	e.path = e.path[:len(e.path)-1]
	return err
}
