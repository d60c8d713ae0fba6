package connection

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"souk/subgraphs/internal/schema"
)

const (
	// DefaultSize is a page's size when none is asked for.
	DefaultSize = 20
	// MaxSize is the largest page one may ask for.
	MaxSize = 100
)

// Arguments are a connection field's, as GraphQL has them.
type Arguments struct {
	First  *int
	After  *string
	Last   *int
	Before *string
}

// Page is which rows to read, in the terms of a sort key K: JSON must carry it
// without loss.
type Page[K any] struct {
	// Size is how many rows the page has at most.
	Size int
	// After and Before are the keys the rows lie strictly between; nil: no bound.
	After, Before *K
	// Backward asks for the last rows before the upper bound. They are read in
	// the reverse of the sort order.
	Backward bool

	order string
}

// Limit is how many rows to read: one more than the page has tells whether
// there is a next.
func (p Page[K]) Limit() int { return p.Size + 1 }

// ArgumentError is about an argument of a connection.
type ArgumentError struct{ Argument, Problem string }

// Error says what is wrong and what would be right.
func (e *ArgumentError) Error() string { return e.Argument + " " + e.Problem }

// Code is for extensions.code.
func (e *ArgumentError) Code() string { return "BAD_USER_INPUT" }

// Parse checks a connection's arguments. The order names the sort order, such
// as "price": a cursor made in another order is refused.
func Parse[K any](order string, a Arguments) (Page[K], error) {
	page := Page[K]{Size: DefaultSize, order: order}
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
	if page.After, err = decode[K](order, "after", a.After); err != nil {
		return page, err
	}
	page.Before, err = decode[K](order, "before", a.Before)
	return page, err
}

func checkSize(name string, size int) error {
	if size < 0 || size > MaxSize {
		return &ArgumentError{name, fmt.Sprintf("is %d; it must be from 0 to %d", size, MaxSize)}
	}
	return nil
}

// cursor is what a cursor's text holds.
type cursor[K any] struct {
	Order string `json:"o"`
	Key   K      `json:"k"`
}

// Cursor is the text that stands for a key in an order.
func Cursor[K any](order string, key K) (string, error) {
	text, err := json.Marshal(cursor[K]{order, key})
	if err != nil {
		return "", fmt.Errorf("writing a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func decode[K any](order, name string, text *string) (*K, error) {
	if text == nil {
		return nil, nil
	}
	wrong := &ArgumentError{name, fmt.Sprintf("is %q, which is not a cursor; take one from an edge's cursor or from pageInfo", *text)}
	raw, err := base64.RawURLEncoding.DecodeString(*text)
	if err != nil {
		return nil, wrong
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var c cursor[K]
	if err := decoder.Decode(&c); err != nil || c.Order == "" {
		return nil, wrong
	}
	if c.Order != order {
		return nil, &ArgumentError{name, fmt.Sprintf("is a cursor of a list in another order (%s, not %s); start the list anew", c.Order, order)}
	}
	return &c.Key, nil
}

// Slice is a page's rows in the sort order, each with its cursor.
type Slice[N any] struct {
	Nodes   []N
	Cursors []string
	Info    *schema.PageInfo
}

// Cut makes a page of the rows that were read for it: at most Limit of them,
// in reverse when the page is Backward. It keeps rows' memory.
func Cut[N, K any](page Page[K], rows []N, key func(N) K) (Slice[N], error) {
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
		rows = []N{} // a list in GraphQL is empty, not null
	}
	return Slice[N]{Nodes: rows, Cursors: cursors, Info: info}, nil
}
