package catalogue

import "souk/subgraphs/internal/schema"

// defaultCurrency is the currency of a price in input without one, unless it
// replaces a price.
const defaultCurrency = "USD"

// price validates a price. path is its position in the input.
func (c *validator) price(path string, in schema.MoneyInput, currency string) schema.Money {
	return in.Money(&c.InvalidInput, path, currency, maxPrice)
}
