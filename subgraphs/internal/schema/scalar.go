package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/shopspring/decimal"
)

// ScalarError means that a value is invalid for its scalar type.
type ScalarError struct{ message string }

// Error implements error.
func (e *ScalarError) Error() string { return e.message }

// Code returns the value of extensions.code.
func (e *ScalarError) Code() string { return "BAD_USER_INPUT" }

func scalarErrorf(format string, args ...any) *ScalarError {
	return &ScalarError{fmt.Sprintf(format, args...)}
}

// MarshalDateTime formats an instant as RFC 3339, in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = io.WriteString(w, strconv.Quote(t.UTC().Format(time.RFC3339Nano)))
	})
}

// UnmarshalDateTime parses an instant in RFC 3339 form.
func UnmarshalDateTime(v any) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, scalarErrorf("a DateTime is a string such as %q", time.RFC3339)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, scalarErrorf("%q is not an RFC 3339 instant such as %q", s, "2026-11-24T09:30:00Z")
	}
	return t.UTC(), nil
}

// MarshalLong formats a 64-bit integer as a JSON number.
func MarshalLong(n int64) graphql.Marshaler { return graphql.MarshalInt64(n) }

// UnmarshalLong parses a 64-bit integer from a number without a fraction.
func UnmarshalLong(v any) (int64, error) {
	switch v := v.(type) {
	case int:
		return int64(v), nil
	case int64:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
	}
	return 0, scalarErrorf("%v is not a 64-bit integer", v)
}

// MarshalDecimal formats an exact decimal as a JSON number.
func MarshalDecimal(d decimal.Decimal) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, d.String()) })
}

// maxDecimalExponent bounds the exponent that UnmarshalDecimal accepts:
// 1e999999999 is a short number that expands to a long one.
const maxDecimalExponent = 30

// UnmarshalDecimal parses a decimal from a JSON number or a GraphQL literal.
func UnmarshalDecimal(v any) (decimal.Decimal, error) {
	var d decimal.Decimal
	switch v := v.(type) {
	case int:
		return decimal.NewFromInt(int64(v)), nil
	case int64:
		return decimal.NewFromInt(v), nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return d, scalarErrorf("a Decimal is a finite number such as 999.99")
		}
		d = decimal.NewFromFloat(v)
	case json.Number:
		parsed, err := decimal.NewFromString(v.String())
		if err != nil {
			return d, scalarErrorf("%q is not a decimal number such as 999.99", v)
		}
		d = parsed
	default:
		return d, scalarErrorf("a Decimal is a number such as 999.99")
	}
	if e := d.Exponent(); e > maxDecimalExponent || e < -maxDecimalExponent {
		return decimal.Decimal{}, scalarErrorf("a Decimal has at most 30 digits before or after the decimal point")
	}
	return d, nil
}

// JSON is the text of any JSON value.
type JSON json.RawMessage

// MarshalGQL writes the value unchanged.
func (j JSON) MarshalGQL(w io.Writer) {
	if len(j) == 0 {
		_, _ = io.WriteString(w, "null")
		return
	}
	_, _ = w.Write(j)
}

// UnmarshalGQL accepts any value.
func (j *JSON) UnmarshalGQL(v any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		return scalarErrorf("not a JSON value: %v", err)
	}
	*j = bytes.TrimSpace(b.Bytes())
	return nil
}
