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

// Limits of what a product can be.
const (
	maxName        = 200
	maxDescription = 5000
	maxURL         = 2048
	maxTags        = 20
	maxTag         = 40
	maxWeight      = 10_000_000      // ten tonnes
	maxPrice       = 100_000_000_000 // minor units: a thousand million dollars
	maxStock       = 1_000_000_000
)

var skuForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9._-]{0,63}$`)

// checker gathers what is not acceptable in an input. Its methods give the
// value as it will be kept.
type validator struct{ schema.InvalidInput }

func (c *validator) name(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case text == "":
		c.Add("name", "is empty", "a name such as Laptop")
	case utf8.RuneCountInString(text) > maxName:
		c.Add("name", "is too long", fmt.Sprintf("at most %d characters", maxName))
	case strings.ContainsFunc(text, unreadable):
		c.Add("name", "has characters that cannot be shown", "")
	}
	return text
}

func (c *validator) description(text string) string {
	text = strings.TrimSpace(text)
	switch {
	case utf8.RuneCountInString(text) > maxDescription:
		c.Add("description", "is too long", fmt.Sprintf("at most %d characters", maxDescription))
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && unreadable(r) }):
		c.Add("description", "has characters that cannot be shown", "")
	}
	return text
}

func unreadable(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// sku takes small letters for capitals.
func (c *validator) sku(text string) string {
	text = strings.ToUpper(strings.TrimSpace(text))
	if !skuForm.MatchString(text) {
		c.Add("sku", "is not an article code", "up to 64 letters A-Z, digits, dots, underscores and hyphens, such as LAPTOP-14")
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

// imageURL takes an absolute address, or a path on the store's own server.
func (c *validator) imageURL(text string) string {
	u, err := url.Parse(text)
	absolute := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
	path := err == nil && u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/")
	if len(text) > maxURL || !absolute && !path {
		c.Add("imageUrl", "is not the address of an image", "such as https://example.com/laptop.jpg")
	}
	return text
}

// tags are kept in small letters, each once.
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
		c.Add("tags", "are too many", fmt.Sprintf("at most %d", maxTags))
	}
	return tags
}

// category gives the category a slug names.
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
	c.Add("category", fmt.Sprintf("names no category: %q", slug), "one of "+strings.Join(slugs, ", "))
	return Category{}, nil
}
