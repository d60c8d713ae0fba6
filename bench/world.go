package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A record is an object of a subgraph. Its fields are values, or functions of the arguments for
// those that are computed when they are selected.
type record struct {
	typename string
	fields   map[string]any
}

type resolver = func(arguments map[string]any) any

// A world resolves the root fields and the entities of a subgraph. An entity is found by the
// representation that the router sends.
type world struct {
	root     *record
	entities map[string]func(representation map[string]any) *record
}

// The numbers and lengths below are those of the public gateway benchmark: 6 users, 9 products and
// 11 reviews make a response of 87 kB.
var (
	users    = []string{"Mira Solberg", "Tomás Duarte", "Keiko Arai", "Noor Haddad", "Jonas Weber", "Amara Obi"}
	products = []product{
		{"Desk", 899, 100, true}, {"Bench", 1299, 1000, false}, {"Jug", 15, 20, false}, {"Stool", 499, 100, false},
		{"Radio", 1299, 1000, true}, {"Light", 6999, 300, true}, {"Stove", 3999, 2000, true},
		{"Freezer", 100000, 6000, false}, {"Bed", 9999, 800, true},
	}
	reviews = []review{
		{445, 1}, {290, 1}, {274, 1}, {143, 1}, {445, 2}, {290, 2}, {274, 2}, {143, 2}, {143, 3}, {143, 4}, {838, 4},
	}
)

type product struct {
	name          string
	price, weight int
	inStock       bool
}

// A review has a text of some length, and the number of its product, from 1.
type review struct{ length, product int }

// prose returns a text of some length.
func prose(length int) string {
	const sentence = "We have had it for a year now and use it every day, in the kitchen and on the terrace, and it still looks as it did when it came. "
	return strings.Repeat(sentence, length/len(sentence)+1)[:length]
}

// number returns the number in an identifier, or 0 for one that does not exist.
func number(id any, most int) int {
	n, err := strconv.Atoi(fmt.Sprint(id))
	if err != nil || n < 1 || n > most {
		return 0
	}
	return n
}

// worlds returns the subgraphs by their names.
func worlds() map[string]*world {
	return map[string]*world{"accounts": accounts(), "inventory": inventory(), "products": catalogue(), "reviews": opinions()}
}

func accounts() *world {
	user := func(id any) *record {
		n := number(id, len(users))
		if n == 0 {
			return nil
		}
		name := users[n-1]
		return &record{"User", map[string]any{
			"id": strconv.Itoa(n), "name": name, "username": strings.ToLower(strings.ReplaceAll(name, " ", "")), "birthday": 1234567890,
		}}
	}
	all := make([]*record, len(users))
	for i := range all {
		all[i] = user(i + 1)
	}
	return &world{
		root: &record{"Query", map[string]any{
			"me": all[0], "users": all,
			"user": func(arguments map[string]any) any { return user(arguments["id"]) },
		}},
		entities: map[string]func(map[string]any) *record{
			"User": func(r map[string]any) *record { return user(r["id"]) },
		},
	}
}

func inventory() *world {
	return &world{
		root: &record{"Query", nil},
		entities: map[string]func(map[string]any) *record{
			"Product": func(r map[string]any) *record {
				n := number(r["upc"], len(products))
				if n == 0 {
					return nil
				}
				fields := map[string]any{"upc": r["upc"], "inStock": products[n-1].inStock}
				if price, ok := r["price"].(float64); ok {
					if fields["shippingEstimate"] = 0; price <= 1000 {
						fields["shippingEstimate"] = products[n-1].weight / 2
					}
				}
				return &record{"Product", fields}
			},
			"Item": func(r map[string]any) *record {
				n := number(r["id"], maxItems)
				if n == 0 {
					return nil
				}
				return &record{"Item", map[string]any{
					"id": r["id"], "stock": n % 97, "note": prose(60 + n%40),
					"warehouse": &record{"Warehouse", map[string]any{"code": fmt.Sprintf("W%02d", n%12), "city": "Rotterdam"}},
				}}
			},
		},
	}
}

// maxItems is the number of items that exist.
const maxItems = 100_000

func catalogue() *world {
	product := func(upc any) *record {
		n := number(upc, len(products))
		if n == 0 {
			return nil
		}
		p := products[n-1]
		return &record{"Product", map[string]any{"upc": strconv.Itoa(n), "name": p.name, "price": p.price, "weight": p.weight}}
	}
	item := func(id any) *record {
		n := number(id, maxItems)
		if n == 0 {
			return nil
		}
		return &record{"Item", map[string]any{"id": strconv.Itoa(n), "name": "Item number " + strconv.Itoa(n) + " of the catalogue for this year", "price": 100 + n%900}}
	}
	list := func(most int, one func(any) *record) resolver {
		return func(arguments map[string]any) any {
			first, given := arguments["first"]
			if !given {
				first = 5
			}
			all := make([]*record, number(first, most))
			for i := range all {
				all[i] = one(i + 1)
			}
			return all
		}
	}
	return &world{
		root: &record{"Query", map[string]any{
			"topProducts": list(len(products), product),
			"items":       list(maxItems, item),
			"item":        func(arguments map[string]any) any { return item(arguments["id"]) },
		}},
		entities: map[string]func(map[string]any) *record{
			"Product": func(r map[string]any) *record { return product(r["upc"]) },
			"Item":    func(r map[string]any) *record { return item(r["id"]) },
		},
	}
}

func opinions() *world {
	var all []*record
	for i, r := range reviews {
		all = append(all, &record{"Review", map[string]any{
			"id": strconv.Itoa(i + 1), "body": prose(r.length), "product": &record{"Product", map[string]any{"upc": strconv.Itoa(r.product)}},
		}})
	}
	about := func(upc any) any {
		list := []*record{}
		for i, r := range reviews {
			if strconv.Itoa(r.product) == fmt.Sprint(upc) {
				list = append(list, all[i])
			}
		}
		return list
	}
	author := &record{"User", map[string]any{"id": "1", "username": "mirasolberg", "reviews": all[:2]}}
	for i := range all {
		all[i].fields["author"] = author
	}
	for i, r := range reviews {
		upc := strconv.Itoa(r.product)
		all[i].fields["product"].(*record).fields["reviews"] = func(map[string]any) any { return about(upc) }
	}
	return &world{
		root: &record{"Query", nil},
		entities: map[string]func(map[string]any) *record{
			"Review": func(r map[string]any) *record {
				if n := number(r["id"], len(all)); n > 0 {
					return all[n-1]
				}
				return nil
			},
			"Product": func(r map[string]any) *record {
				return &record{"Product", map[string]any{"upc": r["upc"], "reviews": about(r["upc"])}}
			},
			"User": func(r map[string]any) *record {
				return &record{"User", map[string]any{"id": r["id"], "username": r["username"], "reviews": all[:2]}}
			},
		},
	}
}
