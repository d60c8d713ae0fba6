// Package sample is the shop that services fill their empty databases with, so
// that there is something to see and to order. Every service finds the same
// products under the same ids here without asking another.
package sample

import (
	_ "embed"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Product is one product of the sample shop.
type Product struct {
	ID          int64 // from 1
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

// Category is a shelf of the sample shop.
type Category struct{ Slug, Name string }

// Currency is that of every price.
const Currency = "USD"

// Shop is all there is.
type Shop struct {
	Categories []Category
	Products   []Product
}

//go:embed products.txt
var text string

// Load reads the shop; products.txt says how it is written. It is the same at
// every call.
func Load() (Shop, error) {
	var shop Shop
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := shop.read(line); err != nil {
			return Shop{}, fmt.Errorf("sample: products.txt:%d: %w", i+1, err)
		}
	}
	count := len(shop.Products)
	for i := range shop.Products {
		p := &shop.Products[i]
		p.ID = int64(i + 1)
		p.Stock = units(i, p.SKU)
		p.Age = time.Duration((i*101)%count) * 26 * time.Hour // 101 is prime: the categories mix
	}
	return shop, nil
}

func (s *Shop) read(line string) error {
	if slug, name, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(slug, "[") {
		s.Categories = append(s.Categories, Category{slug[1:], name})
		return nil
	}
	fields := strings.Split(line, "|")
	if len(fields) != 6 || len(s.Categories) == 0 {
		return fmt.Errorf("has %d fields; a product has 6, below a category", len(fields))
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	base := Product{Description: fields[5], Category: s.Categories[len(s.Categories)-1].Slug}
	for tag := range strings.SplitSeq(fields[3], ",") {
		base.Tags = append(base.Tags, strings.TrimSpace(tag))
	}
	if err := base.set("@"+fields[1], "#"+fields[2]); err != nil {
		return err
	}
	for variant := range strings.SplitSeq(fields[4], ";") {
		p := base
		var label []string
		for word := range strings.FieldsSeq(variant) {
			if word[0] != '@' && word[0] != '#' {
				label = append(label, word)
			} else if err := p.set(word); err != nil {
				return err
			}
		}
		p.Name = fields[0] + ", " + strings.Join(label, " ")
		p.SKU = code(p.Name)
		s.Products = append(s.Products, p)
	}
	return nil
}

// set takes a price, "@" and dollars with cents, or a weight, "#" and grams.
func (p *Product) set(words ...string) error {
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
			return fmt.Errorf("the price %q must have two digits after its point", word)
		}
		p.Cents = n
	}
	return nil
}

// code makes an article code of a name.
func code(name string) string {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}

// units is how much there is of a product: plenty of the first, which examples
// order; of the others something between nothing and plenty.
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
