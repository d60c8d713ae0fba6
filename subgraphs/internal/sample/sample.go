// Package sample holds the sample data that services fill their empty
// databases with. Every service finds the same products with the same IDs
// here, without asking another service. products.txt has the data and
// describes its format.
package sample

import (
	_ "embed"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Product is a product of the sample store.
type Product struct {
	ID          int64 // starting at 1
	SKU         string
	Name        string
	Description string
	Category    string // slug
	Cents       int64  // price in US cents
	Weight      int    // grams
	Tags        []string
	Stock       int           // units on hand
	Age         time.Duration // how long it has been on sale
}

// Category is a category of the sample store.
type Category struct{ Slug, Name string }

// Currency is the currency of all prices.
const Currency = "USD"

// Store is the sample store.
type Store struct {
	Categories []Category
	Products   []Product
}

//go:embed products.txt
var text string

// Load parses the sample store. Every call returns the same data.
func Load() (Store, error) {
	var store Store
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := store.parseLine(line); err != nil {
			return Store{}, fmt.Errorf("sample: products.txt:%d: %w", i+1, err)
		}
	}
	count := len(store.Products)
	for i := range store.Products {
		p := &store.Products[i]
		p.ID = int64(i + 1)
		p.Stock = units(i, p.SKU)
		p.Age = time.Duration((i*101)%count) * 26 * time.Hour // 101 is prime, so the categories mix
	}
	return store, nil
}

func (s *Store) parseLine(line string) error {
	if slug, name, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(slug, "[") {
		s.Categories = append(s.Categories, Category{slug[1:], name})
		return nil
	}
	fields := strings.Split(line, "|")
	if len(fields) != 6 || len(s.Categories) == 0 {
		return fmt.Errorf("has %d fields; a product has 6 and follows a category", len(fields))
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	base := Product{Description: fields[5], Category: s.Categories[len(s.Categories)-1].Slug}
	for tag := range strings.SplitSeq(fields[3], ",") {
		base.Tags = append(base.Tags, strings.TrimSpace(tag))
	}
	if err := base.setFields("@"+fields[1], "#"+fields[2]); err != nil {
		return err
	}
	for variant := range strings.SplitSeq(fields[4], ";") {
		p := base
		var label []string
		for word := range strings.FieldsSeq(variant) {
			if word[0] != '@' && word[0] != '#' {
				label = append(label, word)
			} else if err := p.setFields(word); err != nil {
				return err
			}
		}
		p.Name = fields[0] + ", " + strings.Join(label, " ")
		p.SKU = makeSKU(p.Name)
		s.Products = append(s.Products, p)
	}
	return nil
}

// setFields sets a price ("@" and dollars with cents) or a weight ("#" and
// grams).
func (p *Product) setFields(words ...string) error {
	for _, word := range words {
		n, err := strconv.ParseInt(strings.Replace(word[1:], ".", "", 1), 10, 64)
		if err != nil {
			return fmt.Errorf("%q is neither a price nor a weight", word)
		}
		if word[0] == '#' {
			p.Weight = int(n)
			continue
		}
		if i := strings.IndexByte(word, '.'); i < 0 || i != len(word)-3 {
			return fmt.Errorf("the price %q must have two decimal places", word)
		}
		p.Cents = n
	}
	return nil
}

// makeSKU derives a SKU from a name.
func makeSKU(name string) string {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

// units returns the stock of a product: plenty of the first, which the
// examples order, and between none and plenty of the others.
func units(i int, sku string) int {
	h := fnv.New32a()
	h.Write([]byte(sku))
	n := int(h.Sum32() % 10_007)
	switch {
	case i == 0:
		return 250
	case n%29 == 0:
		return 0
	case n%13 == 0:
		return 1 + n%5
	}
	return 10 + n%190
}
