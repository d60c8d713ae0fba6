package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sort is an order in which products are listed.
type Sort string

// The orders. Prices in different currencies cannot be compared, so the price
// orders group products by currency.
const (
	Relevance Sort = "RELEVANCE" // best match first; like Newest without a search
	Newest    Sort = "NEWEST"
	Name      Sort = "NAME"
	PriceAsc  Sort = "PRICE_ASC"
	PriceDesc Sort = "PRICE_DESC"
)

// sortKey is the position of a product in an order: the values that the order
// compares, and the ID, which breaks ties. Cursors contain it.
type sortKey struct {
	Distance int64     `json:"d,omitempty"` // from the search terms
	Oldest   int64     `json:"o,omitempty"` // of a search: see relevanceList
	Created  time.Time `json:"c,omitzero"`
	Name     string    `json:"n,omitempty"`
	Currency string    `json:"u,omitempty"`
	Price    int64     `json:"p,omitempty"`
	ID       int64     `json:"i"`
}

// order describes an ORDER BY. All columns have the same direction, so a
// single row comparison, which an index supports, selects the rows after a
// sort key.
type order struct {
	name       string
	columns    []string
	descending bool
	// values returns a sort key's values for all columns except the ID.
	values func(sortKey) []any
	// keep returns a sort key with only the fields that the order compares.
	keep func(sortKey) sortKey
}

// relevance is the name of the order that only searches have. No column has it:
// see relevanceList.
const relevance = "relevance"

func (s Sort) order(searching bool) order {
	switch {
	case s == Name:
		return order{
			"name", []string{"p.sort_name", "p.id"}, false,
			func(p sortKey) []any { return []any{p.Name} },
			func(p sortKey) sortKey { return sortKey{Name: p.Name, ID: p.ID} },
		}
	case s == PriceAsc || s == PriceDesc:
		return order{
			strings.ToLower(string(s)), []string{"p.currency", "p.price_minor", "p.id"}, s == PriceDesc,
			func(p sortKey) []any { return []any{p.Currency, p.Price} },
			func(p sortKey) sortKey { return sortKey{Currency: p.Currency, Price: p.Price, ID: p.ID} },
		}
	case s != Newest && searching:
		return order{name: relevance}
	}
	return order{
		"newest", []string{"p.created_at", "p.id"}, true,
		func(p sortKey) []any { return []any{p.Created} },
		func(p sortKey) sortKey { return sortKey{Created: p.Created, ID: p.ID} },
	}
}

// within returns the order of the rows that have a value in a column. It is the
// same order, but Postgres sees that an index that starts with the column has
// it.
func (o order) within(column string, value any) order {
	values := o.values
	o.columns = append([]string{column}, o.columns...)
	o.values = func(p sortKey) []any { return append([]any{value}, values(p)...) }
	return o
}

func (o order) byPrice() bool { return slices.Contains(o.columns, "p.price_minor") }

// orderBy returns the ORDER BY list.
func (o order) orderBy(backward bool) string {
	direction := ""
	if o.descending != backward {
		direction = " DESC"
	}
	return strings.Join(o.columns, direction+", ") + direction
}

// keysetCondition returns the condition that a row comes after a sort key, or
// before it.
func (o order) keysetCondition(q *query, p sortKey, before bool) string {
	operator := " > "
	if o.descending != before {
		operator = " < "
	}
	return "(" + strings.Join(o.columns, ", ") + ")" + operator + q.row(append(o.values(p), p.ID))
}

// rangeCondition returns the condition that a row comes at or after the sort key
// start, in the direction of the list, and before the sort key end. Postgres knows how
// many rows have a value in a column, but not how many come before a value of several
// columns, and reads an index sooner by the values of one column. So the columns that
// are equal in both keys stand alone, and so does the next one. IS TRUE has the others
// checked in what the index finds.
func (o order) rangeCondition(q *query, start, end sortKey, backward bool) string {
	var conditions []string
	columns, first, last := o.columns, append(o.values(start), start.ID), append(o.values(end), end.ID)
	for len(columns) > 1 && first[0] == last[0] {
		conditions = append(conditions, columns[0]+" = "+q.arg(first[0]))
		columns, first, last = columns[1:], first[1:], last[1:]
	}
	after, before := ">", "<"
	if o.descending != backward {
		after, before = "<", ">"
	}
	between := func(column string, atLeast, atMost string) string {
		return column + " " + after + atLeast + " AND " + column + " " + before + atMost
	}
	from, to := q.arg(first[0]), q.arg(last[0])
	values := between(columns[0], "= "+from, "= "+to)
	if len(columns) > 2 { // the prices of the first currency, those of the last, and all between
		values = fmt.Sprintf("(%[1]s = %[2]s AND %[3]s %[4]s= %[5]s OR %[1]s = %[6]s AND %[3]s %[7]s= %[8]s OR %[9]s)",
			columns[0], from, columns[1], after, q.arg(first[1]), to, before, q.arg(last[1]), between(columns[0], " "+from, " "+to))
	}
	row := "(" + strings.Join(columns, ", ") + ")"
	return strings.Join(append(conditions, values,
		"("+row+" "+after+"= "+q.row(first)+") IS TRUE", "("+row+" "+before+" "+q.row(last)+") IS TRUE"), " AND ")
}

// row adds the values of a row as arguments, and returns it.
func (q *query) row(values []any) string {
	placeholders := make([]string, len(values))
	for i, value := range values {
		placeholders[i] = q.arg(value)
	}
	return "(" + strings.Join(placeholders, ", ") + ")"
}
