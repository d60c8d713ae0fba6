package schema

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

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

// MoneyInput is an amount of money in the input of a client.
type MoneyInput struct {
	MinorUnits *int64
	Decimal    *decimal.Decimal
	Currency   string // ISO 4217; empty for a default
}

// Money converts the input to an amount of at most maxUnits minor units. It adds what
// is invalid to wrong; path is the position in the input. An empty currency means
// fallback.
func (in MoneyInput) Money(wrong *InvalidInput, path, fallback string, maxUnits int64) Money {
	money := Money{Currency: strings.ToUpper(cmp.Or(in.Currency, fallback))}
	if !knownCurrency(money.Currency) {
		wrong.Add(path+".currency", fmt.Sprintf("is not a supported currency: %q", in.Currency), "an ISO 4217 code such as USD")
		return money
	}
	switch {
	case in.MinorUnits != nil && in.Decimal != nil:
		wrong.Add(path, "has both minorUnits and decimal", "give one of the two")
		return money
	case in.MinorUnits != nil:
		path += ".minorUnits"
		money.MinorUnits = *in.MinorUnits
	case in.Decimal != nil:
		path += ".decimal"
		exact, err := NewMoney(*in.Decimal, money.Currency)
		switch {
		case errors.Is(err, ErrTooPrecise):
			wrong.Add(path, "has more decimal places than the currency", fmt.Sprintf("a multiple of %s %s", Money{1, money.Currency}.Decimal(), money.Currency))
			return money
		case err != nil:
			wrong.Add(path, "is too large", "")
			return money
		}
		money = exact
	default:
		wrong.Add(path, "has no amount", "give decimal, such as 999.99, or minorUnits, such as 99999")
		return money
	}
	switch {
	case money.MinorUnits < 0:
		wrong.Add(path, "is negative", "0 or more")
	case money.MinorUnits > maxUnits:
		wrong.Add(path, "is too large", fmt.Sprintf("at most %s", Money{maxUnits, money.Currency}.Decimal()))
	}
	return money
}

// knownCurrency reports whether a currency (ISO 4217 code) is supported.
func knownCurrency(code string) bool {
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
