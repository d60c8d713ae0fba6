package schema

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
)

// Money is an amount in the minor unit of a currency: 99999 USD is 999.99
// dollars.
type Money struct {
	MinorUnits int64
	Currency   string // ISO 4217
}

// currencies maps each supported currency to the number of decimal places of
// its minor unit (ISO 4217).
var currencies = map[string]int32{
	"AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2,
	"GBP": 2, "HKD": 2, "HUF": 2, "INR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2,
	"NOK": 2, "NZD": 2, "PLN": 2, "SEK": 2, "SGD": 2, "TND": 3, "TRY": 2, "USD": 2, "ZAR": 2,
}

// Errors of NewMoney.
var (
	ErrUnknownCurrency = errors.New("unknown currency")
	ErrTooPrecise      = errors.New("more decimal places than the currency has")
	ErrAmountTooLarge  = errors.New("amount too large")
)

// NewMoney converts an amount in the major unit of a currency, such as 999.99
// USD. It does not round: an amount with too many decimal places is an error.
func NewMoney(amount decimal.Decimal, currency string) (Money, error) {
	digits, ok := currencies[currency]
	if !ok {
		return Money{}, fmt.Errorf("%w: %q", ErrUnknownCurrency, currency)
	}
	minor := amount.Shift(digits)
	if !minor.IsInteger() {
		return Money{}, fmt.Errorf("%w: %s has %d decimal places", ErrTooPrecise, currency, digits)
	}
	if !minor.BigInt().IsInt64() {
		return Money{}, ErrAmountTooLarge
	}
	return Money{MinorUnits: minor.IntPart(), Currency: currency}, nil
}

// KnownCurrency reports whether a currency (ISO 4217 code) is supported.
func KnownCurrency(code string) bool {
	_, ok := currencies[code]
	return ok
}

// Decimal returns the amount in the major unit.
func (m Money) Decimal() decimal.Decimal {
	digits, ok := currencies[m.Currency]
	if !ok {
		digits = 2
	}
	return decimal.New(m.MinorUnits, -digits)
}
