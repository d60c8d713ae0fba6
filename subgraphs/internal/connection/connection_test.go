package connection_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"souk/subgraphs/internal/connection"
)

type key struct {
	Price int64
	Name  string
}

func compare(a, b key) int {
	if a.Price != b.Price {
		return int(a.Price - b.Price)
	}
	return strings.Compare(a.Name, b.Name)
}

// read does what the query of a store does.
func read(rows []key, p connection.Page[key]) []key {
	var found []key
	for _, row := range rows {
		if (p.After == nil || compare(row, *p.After) > 0) && (p.Before == nil || compare(row, *p.Before) < 0) {
			found = append(found, row)
		}
	}
	if p.Backward {
		slices.Reverse(found)
	}
	return found[:min(len(found), p.Limit())]
}

// Paging forward or backward returns every row once.
func TestPagesCoverTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) key {
			return key{Price: rapid.Int64Range(0, 5).Draw(t, "price"), Name: rapid.StringMatching(`[^\x00]*`).Draw(t, "name")}
		}), 0, 30, rapid.ID[key]).Draw(t, "rows")
		slices.SortFunc(rows, compare)
		size := rapid.IntRange(1, 7).Draw(t, "size")
		backward := rapid.Bool().Draw(t, "backward")
		var seen []key
		var cursor *string
		for {
			arguments := connection.Arguments{First: &size, After: cursor}
			if backward {
				arguments = connection.Arguments{Last: &size, Before: cursor}
			}
			page, err := connection.Parse[key]("price", arguments)
			if err != nil {
				t.Fatal(err)
			}
			slice, err := connection.NewSlice(page, read(rows, page), func(k key) key { return k })
			if err != nil {
				t.Fatal(err)
			}
			more := slice.Info.HasNextPage
			if backward {
				seen = append(slices.Clone(slice.Nodes), seen...)
				cursor, more = slice.Info.StartCursor, slice.Info.HasPreviousPage
			} else {
				seen = append(seen, slice.Nodes...)
				cursor = slice.Info.EndCursor
			}
			if !more {
				break
			}
		}
		if !slices.Equal(seen, rows) {
			t.Fatalf("got rows %v, want %v", seen, rows)
		}
	})
}

func TestInvalidArgumentsAreRejected(t *testing.T) {
	text, number := func(s string) *string { return &s }, func(n int) *int { return &n }
	other, err := connection.Cursor("name", key{Price: 1, Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	nul, err := connection.Cursor("price", key{Price: 1, Name: "a\x00"})
	if err != nil {
		t.Fatal(err)
	}
	for want, arguments := range map[string]connection.Arguments{
		fmt.Sprintf("after is %q, which is not a cursor", nul): {After: &nul},
		"first and last cannot be given together":              {First: number(1), Last: number(1)},
		"first is -1; it must be between 0 and 100":            {First: number(-1)},
		"last is 101":                             {Last: number(101)},
		`after is "!", which is not a cursor`:     {After: text("!")},
		`before is "e30x", which is not a cursor`: {Before: text("e30x")},
		"before is a cursor of a list in another": {Before: &other},
	} {
		_, err := connection.Parse[key]("price", arguments)
		var wrong *connection.ArgumentError
		if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got error %[2]v, want %[1]q", want, err)
		}
	}
}

func FuzzCursor(f *testing.F) {
	good, err := connection.Cursor("price", key{Price: 1, Name: "a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, text string) {
		page, err := connection.Parse[key]("price", connection.Arguments{After: &text})
		if err != nil {
			return
		}
		again, err := connection.Cursor("price", *page.After)
		if err != nil {
			t.Fatal(err)
		}
		reread, err := connection.Parse[key]("price", connection.Arguments{After: &again})
		if err != nil || *reread.After != *page.After {
			t.Errorf("round trip of cursor %q = %q, err %v", text, again, err)
		}
	})
}
