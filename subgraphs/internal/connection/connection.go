package connection

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"souk/subgraphs/internal/schema"
)

const (
	// defaultSize is the size of a page if the client does not ask for one.
	defaultSize = 20
	// maxSize is the largest page a client may ask for.
	maxSize = 100
)

// Arguments are the GraphQL arguments of a connection field.
type Arguments struct {
	First  *int
	After  *string
	Last   *int
	Before *string
}

// A Key is the same for equal arguments and for no others.
type Key struct {
	first, last   optional[int]
	after, before optional[string]
}

type optional[T any] struct {
	value T
	given bool
}

func optionalOf[T any](p *T) (o optional[T]) {
	if p != nil {
		o.value, o.given = *p, true
	}
	return o
}

// Key returns the key of the arguments, for maps.
func (a Arguments) Key() Key {
	return Key{first: optionalOf(a.First), last: optionalOf(a.Last), after: optionalOf(a.After), before: optionalOf(a.Before)}
}

// Page says which rows to read. K is the type of the sort key; it must survive
// a JSON round trip.
type Page[K any] struct {
	// Size is the maximum number of rows of the page.
	Size int
	// The rows lie strictly between After and Before. nil means no bound.
	After, Before *K
	// Backward asks for the last rows before the upper bound, read in reverse
	// order.
	Backward bool

	order string
}

// Limit is how many rows to read: one more than the page has, to learn whether
// there is another page.
func (p Page[K]) Limit() int { return p.Size + 1 }

// ArgumentError means that an argument of a connection is invalid.
type ArgumentError struct{ Argument, Problem string }

// Error says what is wrong and what is valid.
func (e *ArgumentError) Error() string { return e.Argument + " " + e.Problem }

// Code returns the value of extensions.code.
func (e *ArgumentError) Code() string { return "BAD_USER_INPUT" }

// Unwrap returns the error as invalid input.
func (e *ArgumentError) Unwrap() error { return schema.Invalid(e.Argument, e.Problem, "") }

// Parse checks the arguments of a connection. order names the sort order, such
// as "price"; cursors of other orders are rejected.
func Parse[K any](order string, a Arguments) (Page[K], error) {
	page := Page[K]{Size: defaultSize, order: order}
	if a.First != nil && a.Last != nil {
		return page, &ArgumentError{"first and last", "cannot be given together; give one of them"}
	}
	if a.First != nil {
		page.Size = *a.First
		if err := checkSize("first", page.Size); err != nil {
			return page, err
		}
	}
	if a.Last != nil {
		page.Size, page.Backward = *a.Last, true
		if err := checkSize("last", page.Size); err != nil {
			return page, err
		}
	}
	var err error
	if page.After, err = decodeCursor[K](order, "after", a.After); err != nil {
		return page, err
	}
	page.Before, err = decodeCursor[K](order, "before", a.Before)
	return page, err
}

func checkSize(name string, size int) error {
	if size < 0 || size > maxSize {
		return &ArgumentError{name, fmt.Sprintf("is %d; it must be between 0 and %d", size, maxSize)}
	}
	return nil
}

// cursor is the content of a cursor.
type cursor[K any] struct {
	Order string `json:"o"`
	Key   K      `json:"k"`
}

// Cursor returns the cursor of a sort key in an order.
func Cursor[K any](order string, key K) (string, error) {
	text, err := json.Marshal(cursor[K]{order, key})
	if err != nil {
		return "", fmt.Errorf("encoding a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func decodeCursor[K any](order, name string, text *string) (*K, error) {
	if text == nil {
		return nil, nil
	}
	invalid := &ArgumentError{name, fmt.Sprintf("is %q, which is not a cursor; take one from an edge's cursor or from pageInfo", *text)}
	raw, err := base64.RawURLEncoding.DecodeString(*text)
	if err != nil {
		return nil, invalid
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var c cursor[K]
	if err := decoder.Decode(&c); err != nil || c.Order == "" || hasNUL(raw) {
		return nil, invalid
	}
	if c.Order != order {
		return nil, &ArgumentError{name, fmt.Sprintf("is a cursor of a list in another order (%s, not %s); start again from the first page", c.Order, order)}
	}
	return &c.Key, nil
}

// hasNUL reports whether a string in a JSON text has the character U+0000, which
// Postgres cannot compare.
func hasNUL(text []byte) bool {
	for tokens := json.NewDecoder(bytes.NewReader(text)); ; {
		token, err := tokens.Token()
		if err != nil {
			return false
		}
		if value, ok := token.(string); ok && strings.ContainsRune(value, 0) {
			return true
		}
	}
}

// Slice holds a page's rows in sort order, each with its cursor.
type Slice[N any] struct {
	Nodes   []N
	Cursors []string
	Info    *schema.PageInfo
}

// NewSlice makes a page of the rows that were read for it: at most Limit rows,
// in reverse order if the page is Backward. It reuses the memory of rows.
func NewSlice[N, K any](page Page[K], rows []N, key func(N) K) (Slice[N], error) {
	more := len(rows) > page.Size
	if more {
		rows = rows[:page.Size]
	}
	info := &schema.PageInfo{HasNextPage: more, HasPreviousPage: page.After != nil}
	if page.Backward {
		slices.Reverse(rows)
		info.HasNextPage, info.HasPreviousPage = page.Before != nil, more
	}
	cursors := make([]string, len(rows))
	for i, row := range rows {
		var err error
		if cursors[i], err = Cursor(page.order, key(row)); err != nil {
			return Slice[N]{}, err
		}
	}
	if len(cursors) > 0 {
		info.StartCursor, info.EndCursor = &cursors[0], &cursors[len(cursors)-1]
	}
	if rows == nil {
		rows = []N{} // encodes as [], not null
	}
	return Slice[N]{Nodes: rows, Cursors: cursors, Info: info}, nil
}
