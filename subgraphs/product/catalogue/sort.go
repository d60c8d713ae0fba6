package catalogue

import (
	"strings"
	"time"
)

// Sort is an order of products.
type Sort string

// The orders. Prices in different currencies cannot be compared: those of one
// currency follow each other.
const (
	Relevance Sort = "RELEVANCE" // best match first; without a search, as Newest
	Newest    Sort = "NEWEST"
	Name      Sort = "NAME"
	PriceAsc  Sort = "PRICE_ASC"
	PriceDesc Sort = "PRICE_DESC"
)

// position is where a product lies in an order: what of it the order looks at,
// and its id, which decides between equals.
type sortKey struct {
	Distance int64     `json:"d,omitempty"` // from the search
	Created  time.Time `json:"c,omitzero"`
	Name     string    `json:"n,omitempty"`
	Currency string    `json:"u,omitempty"`
	Price    int64     `json:"p,omitempty"`
	ID       int64     `json:"i"`
}

// order is how SQL sorts: by columns that all go in one direction, so that a
// position is passed in one comparison of rows, which an index answers.
type order struct {
	name       string
	columns    []string
	descending bool
	// values are a position's, for the columns but the id.
	values func(sortKey) []any
	// keep is a position without what the order does not look at.
	keep func(sortKey) sortKey
}

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
		return order{
			"relevance", []string{"found.distance", "p.id"}, false,
			func(p sortKey) []any { return []any{p.Distance} },
			func(p sortKey) sortKey { return sortKey{Distance: p.Distance, ID: p.ID} },
		}
	}
	return order{
		"newest", []string{"p.created_at", "p.id"}, true,
		func(p sortKey) []any { return []any{p.Created} },
		func(p sortKey) sortKey { return sortKey{Created: p.Created, ID: p.ID} },
	}
}

// by is the ORDER BY list.
func (o order) orderBy(backward bool) string {
	direction := ""
	if o.descending != backward {
		direction = " DESC"
	}
	return strings.Join(o.columns, direction+", ") + direction
}

// beyond is the condition that a row comes after a position, or before it.
func (o order) keysetCondition(q *query, p sortKey, before bool) string {
	operator := " > "
	if o.descending != before {
		operator = " < "
	}
	var values []string
	for _, value := range append(o.values(p), p.ID) {
		values = append(values, q.arg(value))
	}
	return "(" + strings.Join(o.columns, ", ") + ")" + operator + "(" + strings.Join(values, ", ") + ")"
}
