package shop

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"souk/subgraphs/internal/sample"
)

// Product is a product of the shop.
type Product struct {
	sample.Product // without Age; Stock is what is left
	CreatedAt      time.Time
	Retired        bool
}

// A kind is what a product is, such as a wireless mouse: a product of the
// sample store without the name of its series.
type kind struct {
	base     sample.Product
	noun     string   // "Wireless Mouse"
	variants []string // "Graphite", "Chalk"
}

// kindsOf returns the kinds of the sample products, which are listed variant by
// variant.
func kindsOf(products []sample.Product) []kind {
	var kinds []kind
	for _, p := range products {
		name, variant, _ := strings.Cut(p.Name, ", ")
		_, noun, _ := strings.Cut(name, " ")
		if n := len(kinds); n > 0 && kinds[n-1].noun == noun {
			kinds[n-1].variants = append(kinds[n-1].variants, variant)
		} else if noun != "" {
			kinds = append(kinds, kind{p, noun, []string{variant}})
		}
	}
	return kinds
}

// One product in perRetired is retired, one in perSoldOut is sold out.
const perRetired, perSoldOut = 100, 30

// Product makes up the i-th product, from 0.
func (s *Shop) Product(i int) Product {
	random := s.random(productStream, i)
	k := pick(random, s.kinds)
	p := Product{Product: k.base, Retired: random.IntN(perRetired) == 0}
	p.ID = s.LastProduct + 1 + int64(i)
	p.Age = 0
	if p.Stock = 0; random.IntN(perSoldOut) != 0 {
		p.Stock = 1 + random.IntN(400)
	}
	series := capital(pick(random, seriesBeginnings) + pick(random, seriesEnds))
	colour := pick(random, colours)
	p.Name = fmt.Sprintf("%s %s, %s", series, k.noun, pick(random, k.variants))
	if random.IntN(2) == 0 {
		p.Name += " " + colour
		p.Tags = append(append([]string(nil), p.Tags...), strings.ToLower(colour))
	}
	p.SKU = code(series, k.noun, p.ID)
	p.Description = fmt.Sprintf("%s The %s series is made in %s and guaranteed for %d years.",
		k.base.Description, series, pick(random, towns), 2+random.IntN(4))
	p.Cents = price(random, k.base.Cents)
	p.Weight = max(1, k.base.Weight*(80+random.IntN(41))/100)
	p.CreatedAt = s.joined(i, s.Products, random)
	return p
}

// price varies a price and makes it end in 90 or 00 cents.
func price(random *rand.Rand, cents int64) int64 {
	varied := cents * (60 + random.Int64N(101)) / 100 / 100 * 100
	return max(100, varied) - 10*random.Int64N(2)
}

// code returns a SKU, such as NORVIK-WM-104233.
func code(series, noun string, id int64) string {
	var initials strings.Builder
	for word := range strings.FieldsSeq(strings.ToUpper(noun)) {
		if c := word[0]; c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			initials.WriteByte(c)
		}
	}
	return fmt.Sprintf("%s-%s-%06d", strings.ToUpper(series), initials.String(), id)
}
