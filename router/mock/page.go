package mock

import (
	"encoding/base64"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// A page is a part of a list that has more items: what a connection, its edges and its pageInfo
// agree on.
type page struct {
	list              *object // whose items they are
	start, end, total int
	arguments         map[string]argument // of the items
}

// pageLists are the names of the list of a page, and pageFacts the names of what tells that the
// list may have more items.
var (
	pageLists = []string{"edges", "nodes", "items", "results"}
	pageFacts = []string{"pageInfo", "totalCount", "total", "count", "hasNextPage", "hasMore"}
)

// lengths and offsets are arguments for the number of items and of those before them.
var (
	lengths = []string{"first", "limit", "take", "pageSize", "last"}
	offsets = []string{"offset", "skip"}
)

// isPage reports whether objects of a type are pages of a list of objects. Objects with an ID, such
// as an order with items and a total, are not.
func (d *definition) isPage(s *schema) bool {
	has := func(names []string, condition func(*ast.Type) bool) bool {
		for _, name := range names {
			if f := d.fields[name]; f != nil && condition(f.Type) {
				return true
			}
		}
		return false
	}
	return d.kind == ast.Object && !d.identified() && has(pageFacts, func(t *ast.Type) bool { return t.Elem == nil }) && has(pageLists, func(t *ast.Type) bool {
		return t.Elem != nil && t.Elem.Elem == nil && s.isComposite(t.Elem.NamedType)
	})
}

// slice returns where a list begins and how many items it has.
func (e *execution) slice(at position) (start, length int) {
	if e.objects >= maxObjects {
		return 0, 0
	}
	if ids, ok := at.arguments["ids"].value.([]any); ok {
		return 0, len(ids)
	}
	length = e.items(at)
	for _, name := range lengths {
		if wanted, ok := integer(at.arguments[name].value); ok && wanted >= 0 {
			length = wanted
			break
		}
	}
	start = e.offset(at)
	return start, max(0, min(length, population-start))
}

// items returns how many items a list has if nothing else is asked for.
func (e *execution) items(at position) int {
	if at.parent.typename == e.schema.roots[ast.Query] {
		return rootItems
	}
	return otherItems
}

func (e *execution) offset(at position) int {
	for _, name := range offsets {
		if wanted, ok := integer(at.arguments[name].value); ok && wanted >= 0 {
			return min(wanted, population)
		}
	}
	return 0
}

// page returns the page that the arguments of a field select of a list, as the specification of
// connections says.
func (e *execution) page(at position, list *object) *page {
	p := &page{list: list, total: population, arguments: maps.Clone(at.arguments)}
	if at.parent.typename != e.schema.roots[ast.Query] {
		p.total = otherItems + int(e.hash(list.n, "total")%(population/2)) // it is small
	}
	if e.objects >= maxObjects {
		p.total = 0
	}
	p.start, p.end = min(e.offset(at), p.total), p.total
	if n, ok := cursorIndex(at.arguments["after"].value); ok {
		p.start = min(n+1, p.total)
	}
	if n, ok := cursorIndex(at.arguments["before"].value); ok {
		p.end = max(p.start, min(n, p.total))
	}
	for _, name := range append([]string{"after", "before"}, offsets...) {
		delete(p.arguments, name)
	}
	sized := false
	for _, name := range lengths {
		wanted, ok := integer(at.arguments[name].value)
		delete(p.arguments, name)
		if !ok || wanted < 0 {
			continue
		}
		sized = true
		if name == "last" {
			p.start = max(p.start, p.end-wanted)
		} else {
			p.end = min(p.end, p.start+min(wanted, population))
		}
	}
	if !sized {
		p.end = min(p.end, p.start+e.items(at))
	}
	return p
}

// paged writes a field of a page, an edge or a pageInfo, unless it has nothing to do with pages.
func (e *execution) paged(o *object, field string, t *ast.Type, sets []ast.SelectionSet) (done bool, err error) {
	p := o.page
	if t.Elem != nil {
		if o.isEdge || !e.isPageList(field, t) {
			return false, nil
		}
		return true, e.pageItems(p, t.Elem, sets)
	}
	switch {
	case field == "node" && o.isEdge:
		return true, e.optional(e.item(p, t.NamedType, o.index), t, sets)
	case field == "pageInfo" && e.schema.isComposite(t.NamedType):
		return true, e.object(&object{typename: t.NamedType, n: p.list.n, page: p}, sets)
	case e.schema.isComposite(t.NamedType):
		return false, nil
	}
	value, ok := p.fact(field, t, o.index)
	if ok {
		e.write(value)
	}
	return ok, nil
}

func (e *execution) isPageList(field string, t *ast.Type) bool {
	for _, name := range pageLists {
		if name == field {
			return t.Elem.Elem == nil && e.schema.isComposite(t.Elem.NamedType)
		}
	}
	return false
}

// pageItems writes the items of a page, or its edges.
func (e *execution) pageItems(p *page, t *ast.Type, sets []ast.SelectionSet) error {
	e.out.WriteByte('[')
	for index := p.start; index < p.end; index++ {
		if index > p.start {
			e.out.WriteByte(',')
		}
		e.objects++
		o := &object{typename: t.NamedType, n: e.hash(p.list.n, "edge", index), page: p, index: index, isEdge: true}
		if d := e.schema.types[t.NamedType]; d.fields["node"] == nil {
			o = e.item(p, t.NamedType, index)
		}
		if err := e.within(index-p.start, !t.NonNull, func() error { return e.optional(o, t, sets) }); err != nil {
			return err
		}
	}
	e.out.WriteByte(']')
	return nil
}

// item returns an item of the list of a page.
func (e *execution) item(p *page, typename string, index int) *object {
	o := e.related(p.list, "node", typename, index)
	e.echo(o, typename, p.arguments)
	return o
}

// fact returns a scalar field of a page, its pageInfo or an edge.
func (p *page) fact(field string, t *ast.Type, index int) (any, bool) {
	switch field {
	case "totalCount", "total", "count", "totalItems":
		return p.total, t.NamedType == "Int"
	case "hasNextPage", "hasMore", "hasNext":
		return p.end < p.total, t.NamedType == "Boolean"
	case "hasPreviousPage", "hasPrevious":
		return p.start > 0, t.NamedType == "Boolean"
	case "cursor":
		return cursor(index), true
	case "startCursor":
		return p.bound(p.start, t), true
	case "endCursor":
		return p.bound(p.end-1, t), true
	}
	return nil, false
}

// bound returns the cursor of the first or last item of a page. An empty page has none.
func (p *page) bound(index int, t *ast.Type) any {
	switch {
	case p.start < p.end:
		return cursor(index)
	case t.NonNull:
		return ""
	}
	return nil
}

const cursorPrefix = "cursor:"

func cursor(index int) string {
	return base64.StdEncoding.EncodeToString(fmt.Append(nil, cursorPrefix, index))
}

// cursorIndex returns the index in a cursor.
func cursorIndex(value any) (int, bool) {
	text, _ := value.(string)
	decoded, err := base64.StdEncoding.DecodeString(text)
	number, ok := strings.CutPrefix(string(decoded), cursorPrefix)
	index, invalid := strconv.Atoi(number)
	return index, err == nil && ok && invalid == nil && index >= 0
}
