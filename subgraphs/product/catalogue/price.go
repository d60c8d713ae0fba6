package catalogue

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"souk/subgraphs/internal/schema"
)

// Price is an amount of money in client input. Exactly one of MinorUnits and
// Decimal is set.
type Price struct {
	MinorUnits *int64
	Decimal    *decimal.Decimal
	Currency   string // ISO 4217
}

// price validates a price and converts it to schema.Money. path is its
// position in the input.
func (c *validator) price(path string, p Price) schema.Money {
	money := schema.Money{Currency: strings.ToUpper(p.Currency)}
	if !schema.KnownCurrency(money.Currency) {
		c.Add(path+".currency", fmt.Sprintf("is not a supported currency: %q", p.Currency), "an ISO 4217 code such as USD")
		return money
	}
	switch {
	case p.MinorUnits != nil && p.Decimal != nil:
		c.Add(path, "has both minorUnits and decimal", "give one of the two")
		return money
	case p.MinorUnits != nil:
		path += ".minorUnits"
		money.MinorUnits = *p.MinorUnits
	case p.Decimal != nil:
		path += ".decimal"
		var err error
		money, err = schema.NewMoney(*p.Decimal, money.Currency)
		switch {
		case errors.Is(err, schema.ErrTooPrecise):
			c.Add(path, "has more decimal places than the currency", smallestUnit(p.Currency))
			return money
		case err != nil:
			c.Add(path, "is too large", "")
			return money
		}
	default:
		c.Add(path, "has no amount", "give decimal, such as 999.99, or minorUnits, such as 99999")
		return money
	}
	switch {
	case money.MinorUnits < 0:
		c.Add(path, "is negative", "0 or more")
	case money.MinorUnits > maxPrice:
		c.Add(path, "is too large", fmt.Sprintf("at most %s", schema.Money{MinorUnits: maxPrice, Currency: money.Currency}.Decimal()))
	}
	return money
}

// smallestUnit describes the precision of a currency.
func smallestUnit(currency string) string {
	one := schema.Money{MinorUnits: 1, Currency: strings.ToUpper(currency)}
	return fmt.Sprintf("a multiple of %s %s", one.Decimal(), one.Currency)
}
