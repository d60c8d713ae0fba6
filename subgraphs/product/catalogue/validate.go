package catalogue

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"souk/subgraphs/internal/schema"
)

// Limits of a product's fields.
const (
	maxName        = 200
	maxDescription = 5000
	maxURL         = 2048
	maxTags        = 20
	maxTag         = 40
	maxWeight      = 10_000_000      // grams: ten tonnes
	maxPrice       = 100_000_000_000 // minor units: a billion dollars
	maxStock       = 1_000_000_000
)

var skuForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9._-]{0,63}$`)

// validator collects the invalid fields of an input. Its methods return the
// normalized values.
type validator struct{ schema.InvalidInput }

func (c *validator) name(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case text == "":
		c.Add("name", "is empty", "a name such as Laptop")
	case utf8.RuneCountInString(text) > maxName:
		c.Add("name", "is too long", fmt.Sprintf("at most %d characters", maxName))
	case strings.ContainsFunc(text, unreadable):
		c.Add("name", "contains control characters", "")
	}
	return text
}

func (c *validator) description(text string) string {
	text = strings.TrimSpace(text)
	switch {
	case utf8.RuneCountInString(text) > maxDescription:
		c.Add("description", "is too long", fmt.Sprintf("at most %d characters", maxDescription))
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unreadable(r) }):
		c.Add("description", "contains control characters", "")
	}
	return text
}

func unreadable(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// sku converts lower case to upper case.
func (c *validator) sku(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	if !skuForm.MatchString(text) {
		c.Add("sku", "is not a valid SKU", "up to 64 letters A-Z, digits, dots, underscores and hyphens, such as LAPTOP-14")
	}
	return text
}

func (c *validator) weight(grams int) int {
	if grams < 0 || grams > maxWeight {
		c.Add("weight", "is not a weight in grams", fmt.Sprintf("between 0 and %d", maxWeight))
	}
	return grams
}

func (c *validator) stock(units int) int {
	if units < 0 || units > maxStock {
		c.Add("stock", "is not a number of units", fmt.Sprintf("between 0 and %d", maxStock))
	}
	return units
}

// imageURL accepts an absolute URL or a path on the store's own server.
func (c *validator) imageURL(text string) string {
	u, err := url.Parse(text)
	absolute := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	path := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/")
	if len(text) > maxURL || !absolute && !path {
		c.Add("imageUrl", "is not an image URL", "a URL such as https://example.com/laptop.jpg")
	}
	return text
}

// tags converts tags to lower case and removes duplicates.
func (c *validator) tags(list []string) []string {
	tags := make([]string, 0, len(list))
	for i, tag := range list {
		tag = strings.ToLower(strings.Join(strings.Fields(tag), " "))
		if tag == "" || utf8.RuneCountInString(tag) > maxTag || strings.ContainsFunc(tag, unreadable) {
			c.Add(fmt.Sprintf("tags.%d", i), "is not a tag", fmt.Sprintf("1 to %d characters", maxTag))
		}
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > maxTags {
		c.Add("tags", "has too many entries", fmt.Sprintf("at most %d", maxTags))
	}
	return tags
}

// category returns the category with a slug.
func (c *validator) category(ctx context.Context, q querier, slug string) (Category, error) {
	all, err := categories(ctx, q, nil)
	if err != nil {
		return Category{}, err
	}
	slugs := make([]string, len(all))
	for i, category := range all {
		if category.Slug == slug {
			return category, nil
		}
		slugs[i] = category.Slug
	}
	slices.Sort(slugs)
	c.Add("category", fmt.Sprintf("is an unknown category: %q", slug), "one of "+strings.Join(slugs, ", "))
	return Category{}, nil
}
