package mock

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/brianvoe/gofakeit/v7"
)

// now is the time of the data.
var now = time.Date(2026, time.January, 15, 9, 0, 0, 0, time.UTC)

// scalar returns a value of a scalar type for a field.
func (e *execution) scalar(at position, typename string) any {
	n := at.parent.n
	own := at.parent.typename != e.schema.roots["query"] && at.parent.typename != e.schema.roots["mutation"]
	words := split(at.field)
	last := words[len(words)-1]
	if typename == "ID" || typename != "Boolean" && (at.field == "id" || len(words) > 1 && last == "id") {
		if at.field != "id" || !own { // of another object
			n = 1 + (e.hash(n, strings.TrimSuffix(strings.TrimSuffix(at.field, "Id"), "_id"))+uint64(at.index))%population
		}
		about := strings.TrimSuffix(strings.TrimSuffix(at.field, "Id"), "_id")
		if at.field == "id" {
			about = at.parent.typename
		}
		return e.id(typename, about, n)
	}
	hash := e.hash(n, at.field, at.index)
	if typename != "String" { // the texts of an entity stay the same in all events
		hash = e.varying(at)
	}
	faker := gofakeit.NewFaker(rand.NewPCG(hash, e.seed), false)
	switch typename {
	case "String":
		return text(faker, at.parent, words)
	case "Int":
		return whole(faker, last)
	case "Float":
		return fraction(faker, words)
	case "Boolean":
		return hash%4 != 0
	}
	return custom(faker, at.parent, typename, words, hash)
}

// id returns the ID of the object n of a type, which may be written in lower case. IDs that
// Query.node takes name the type.
func (e *execution) id(kind, typename string, n uint64) any {
	if typename != "" {
		typename = strings.ToUpper(typename[:1]) + typename[1:]
	}
	switch {
	case kind == "Int":
		return n % math.MaxInt32
	case kind == "ID" && e.schema.isGlobal(typename):
		return fmt.Sprint(typename, ":", n)
	}
	return fmt.Sprint(n)
}

// split returns the words of a name in lower case: createdAt is created, at.
func split(name string) []string {
	var words []string
	begin := true
	for _, r := range name {
		switch {
		case r == '_':
			begin = true
			continue
		case unicode.IsUpper(r) && (len(words) == 0 || words[len(words)-1] == "" || !begin):
			begin = true
		}
		if begin {
			words = append(words, "")
			begin = false
		}
		words[len(words)-1] += string(unicode.ToLower(r))
	}
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// texts make strings by the last word of a name.
var texts = map[string]func(f *gofakeit.Faker, n uint64) string{
	"email": func(f *gofakeit.Faker, n uint64) string {
		return fmt.Sprintf("%s%d@example.com", strings.ToLower(f.FirstName()), n)
	},
	"username": func(f *gofakeit.Faker, n uint64) string {
		return fmt.Sprintf("%s%d", strings.ToLower(f.FirstName()), n)
	},
	"sku":  func(_ *gofakeit.Faker, n uint64) string { return fmt.Sprintf("SKU-%05d", n) },
	"slug": func(f *gofakeit.Faker, n uint64) string { return fmt.Sprintf("%s-%d", dashed(f.ProductName()), n) },
	"code": func(f *gofakeit.Faker, n uint64) string { return fmt.Sprintf("%s-%d", strings.ToUpper(f.Word()), n) },
	"uuid": func(f *gofakeit.Faker, _ uint64) string { return f.UUID() },
	"url":  webAddress, "uri": webAddress, "link": webAddress, "href": webAddress, "website": webAddress,
	"image": picture, "avatar": picture, "photo": picture, "picture": picture, "thumbnail": picture, "logo": picture,
	"phone":    func(f *gofakeit.Faker, _ uint64) string { return f.Phone() },
	"city":     func(f *gofakeit.Faker, _ uint64) string { return f.City() },
	"country":  func(f *gofakeit.Faker, _ uint64) string { return f.Country() },
	"state":    func(f *gofakeit.Faker, _ uint64) string { return f.State() },
	"street":   func(f *gofakeit.Faker, _ uint64) string { return f.Street() },
	"address":  func(f *gofakeit.Faker, _ uint64) string { return f.Street() + ", " + f.City() },
	"zip":      func(f *gofakeit.Faker, _ uint64) string { return f.Zip() },
	"company":  func(f *gofakeit.Faker, _ uint64) string { return f.Company() },
	"brand":    func(f *gofakeit.Faker, _ uint64) string { return f.Company() },
	"currency": func(f *gofakeit.Faker, _ uint64) string { return f.RandomString([]string{"EUR", "USD", "GBP", "CHF"}) },
	"color":    func(f *gofakeit.Faker, _ uint64) string { return f.Color() },
	"colour":   func(f *gofakeit.Faker, _ uint64) string { return f.Color() },
	"locale": func(f *gofakeit.Faker, _ uint64) string {
		return f.RandomString([]string{"en-GB", "de-DE", "fr-FR", "nl-NL"})
	},
	"language":    func(f *gofakeit.Faker, _ uint64) string { return f.LanguageAbbreviation() },
	"version":     func(f *gofakeit.Faker, _ uint64) string { return f.AppVersion() },
	"category":    func(f *gofakeit.Faker, _ uint64) string { return f.ProductCategory() },
	"author":      func(f *gofakeit.Faker, _ uint64) string { return f.Name() },
	"title":       func(f *gofakeit.Faker, _ uint64) string { return f.BookTitle() },
	"description": sentence, "body": sentence, "text": sentence, "comment": sentence, "summary": sentence, "content": sentence, "message": sentence,
	"at": timestamp, "time": timestamp, "timestamp": timestamp,
	"date":  day,
	"price": money, "amount": money, "cost": money,
}

func webAddress(f *gofakeit.Faker, n uint64) string {
	return fmt.Sprintf("https://example.com/%s/%d", dashed(f.Word()), n)
}

func picture(_ *gofakeit.Faker, n uint64) string {
	return fmt.Sprintf("https://picsum.photos/seed/%d/400", n)
}

func sentence(f *gofakeit.Faker, _ uint64) string { return f.ProductDescription() }

func timestamp(f *gofakeit.Faker, _ uint64) string { return moment(f).Format(time.RFC3339) }

func day(f *gofakeit.Faker, _ uint64) string { return moment(f).Format(time.DateOnly) }

func money(f *gofakeit.Faker, _ uint64) string { return fmt.Sprintf("%.2f", f.Price(1, 500)) }

// moment returns a time in the year before now.
func moment(f *gofakeit.Faker) time.Time {
	return now.Add(-time.Duration(f.IntRange(0, 365*24*3600)) * time.Second)
}

func dashed(text string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), "-")
}

var (
	people = []string{"user", "person", "customer", "author", "account", "member", "employee", "owner", "contact", "reviewer", "viewer", "student", "patient", "driver"}
	firms  = []string{"company", "organization", "organisation", "vendor", "supplier", "brand", "merchant", "shop", "team"}
)

// text returns a string by the name of a field.
func text(f *gofakeit.Faker, parent *object, words []string) string {
	last := words[len(words)-1]
	if last == "name" {
		return nameOf(f, parent, words)
	}
	if made := texts[last]; made != nil {
		return made(f, parent.n)
	}
	if made := texts[strings.TrimSuffix(last, "s")]; made != nil { // tags are a list of texts
		return made(f, parent.n)
	}
	return f.Word()
}

func nameOf(f *gofakeit.Faker, parent *object, words []string) string {
	about := split(parent.typename)
	if len(words) > 1 {
		about = words[:len(words)-1]
	}
	switch last := about[len(about)-1]; {
	case last == "first" || last == "given":
		return f.FirstName()
	case last == "last" || last == "family" || last == "sur":
		return f.LastName()
	case last == "user":
		return texts["username"](f, parent.n)
	case slices.Contains(people, last) || last == "full" || last == "display":
		return f.Name()
	case slices.Contains(firms, last):
		return f.Company()
	case texts[last] != nil && len(words) == 1: // the name of a city
		return texts[last](f, parent.n)
	}
	return f.ProductName()
}

// whole returns an Int by the last word of a name.
func whole(f *gofakeit.Faker, last string) int {
	switch last {
	case "stars", "rating":
		return f.IntRange(1, 5)
	case "age":
		return f.IntRange(18, 90)
	case "year":
		return f.IntRange(1990, now.Year())
	case "price", "amount", "cost", "cents":
		return f.IntRange(100, 50_000)
	case "percent", "percentage":
		return f.IntRange(0, 100)
	case "quantity":
		return f.IntRange(1, 10)
	}
	return f.IntRange(0, 1000)
}

// fraction returns a Float by the name of a field.
func fraction(f *gofakeit.Faker, words []string) float64 {
	switch words[len(words)-1] {
	case "latitude", "lat":
		return f.Latitude()
	case "longitude", "lng", "lon":
		return f.Longitude()
	case "stars", "rating", "score":
		return math.Round(f.Float64Range(1, 5)*10) / 10
	}
	return f.Price(1, 500)
}

// custom returns a value of a custom scalar by the name of its type, and then by the name of
// the field.
func custom(f *gofakeit.Faker, parent *object, typename string, words []string, hash uint64) any {
	switch name := strings.ToLower(strings.ReplaceAll(typename, "_", "")); {
	case strings.Contains(name, "datetime") || strings.Contains(name, "timestamp") || name == "instant":
		return timestamp(f, parent.n)
	case strings.HasSuffix(name, "date"):
		return day(f, parent.n)
	case strings.HasSuffix(name, "time"):
		return moment(f).Format(time.TimeOnly)
	case name == "duration":
		return fmt.Sprintf("PT%dM", f.IntRange(1, 600))
	case name == "uuid" || name == "guid":
		return f.UUID()
	case strings.HasPrefix(name, "url") || strings.HasPrefix(name, "uri"):
		return webAddress(f, parent.n)
	case strings.HasPrefix(name, "email"):
		return texts["email"](f, parent.n)
	case strings.HasPrefix(name, "json") || name == "object" || name == "map" || name == "any":
		return map[string]any{"value": f.Word()}
	case strings.Contains(name, "decimal") || strings.Contains(name, "money"):
		return money(f, parent.n)
	case strings.Contains(name, "int") || strings.Contains(name, "long") || name == "short" || name == "byte":
		return hash % 1000
	case strings.Contains(name, "float") || name == "number" || name == "double":
		return f.Price(1, 500)
	case strings.HasPrefix(name, "currency"):
		return texts["currency"](f, parent.n)
	case strings.HasPrefix(name, "country"):
		return f.CountryAbr()
	}
	return text(f, parent, words)
}
