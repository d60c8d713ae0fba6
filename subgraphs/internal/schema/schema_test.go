package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"souk/subgraphs/internal/schema"
)

func written(m graphql.Marshaler) string {
	var b strings.Builder
	m.MarshalGQL(&b)
	return b.String()
}

func TestDecimalIsExact(t *testing.T) {
	for given, want := range map[any]string{
		json.Number("999.99"): "999.99", json.Number("-0.10"): "-0.1", json.Number("1e3"): "1000",
		12: "12", int64(12): "12", 0.1: "0.1",
	} {
		d, err := schema.UnmarshalDecimal(given)
		if err != nil || written(schema.MarshalDecimal(d)) != want {
			t.Errorf("%v: got %s, err %v", given, written(schema.MarshalDecimal(d)), err)
		}
	}
	for _, given := range []any{"12", true, nil, json.Number("1e999999999"), json.Number("x")} {
		_, err := schema.UnmarshalDecimal(given)
		var wrong *schema.ScalarError
		if !errors.As(err, &wrong) {
			t.Errorf("%v: got error %v", given, err)
		}
	}
}

func TestLongAcceptsWholeNumbersOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		if got, err := schema.UnmarshalLong(json.Number(written(schema.MarshalLong(n)))); err != nil || got != n {
			t.Fatalf("round trip of %d = %d, err %v", n, got, err)
		}
	})
	for _, given := range []any{"1", 1.5, json.Number("9223372036854775808"), json.Number("1.0"), nil} {
		if _, err := schema.UnmarshalLong(given); err == nil {
			t.Errorf("%v is accepted as a Long", given)
		}
	}
}

func TestDateTimeIsRFC3339InUTC(t *testing.T) {
	at, err := schema.UnmarshalDateTime("2026-11-24T04:30:00.5+01:00")
	if err != nil {
		t.Fatal(err)
	}
	if got := written(schema.MarshalDateTime(at)); got != `"2026-11-24T03:30:00.5Z"` {
		t.Errorf("got %s", got)
	}
	for _, given := range []any{"2026-11-24", "yesterday", 12} {
		if _, err := schema.UnmarshalDateTime(given); err == nil {
			t.Errorf("%v is accepted as a DateTime", given)
		}
	}
}

func TestJSONIsUnchanged(t *testing.T) {
	var value schema.JSON
	if err := value.UnmarshalGQL(map[string]any{"a": []any{json.Number("1"), nil}}); err != nil {
		t.Fatal(err)
	}
	if got := written(value); got != `{"a":[1,null]}` {
		t.Errorf("got %s", got)
	}
	if got := written(schema.JSON(nil)); got != "null" {
		t.Errorf("nil: got %s", got)
	}
}

// Money and its decimal represent the same amount.
func TestMoneyIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := schema.Money{
			MinorUnits: rapid.Int64().Draw(t, "amount"),
			Currency:   rapid.SampledFrom([]string{"USD", "JPY", "KWD"}).Draw(t, "currency"),
		}
		if got, err := schema.NewMoney(m.Decimal(), m.Currency); err != nil || got != m {
			t.Fatalf("round trip of %v = %v, err %v", m, got, err)
		}
	})
	for _, c := range []struct {
		amount, currency string
		want             error
	}{
		{amount: "0.001", currency: "USD", want: schema.ErrTooPrecise},
		{amount: "1.5", currency: "JPY", want: schema.ErrTooPrecise},
		{amount: "1", currency: "XXX", want: schema.ErrUnknownCurrency},
		{amount: "1e20", currency: "USD", want: schema.ErrAmountTooLarge},
	} {
		if _, err := schema.NewMoney(decimal.RequireFromString(c.amount), c.currency); !errors.Is(err, c.want) {
			t.Errorf("%s %s: got error %v", c.amount, c.currency, err)
		}
	}
}

type result interface{ IsSignUpResult() }

func TestResultConvertsTypedErrors(t *testing.T) {
	conflict := schema.NewConflict("taken")
	if got, err := schema.Result[result](fmt.Errorf("signing up: %w", conflict)); err != nil || got != result(conflict) {
		t.Errorf("member: got %v, err %v", got, err)
	}
	// NotFound is not a member of this union.
	if got, err := schema.Result[result](schema.NewNotFound("user", "1")); err == nil || got != nil {
		t.Errorf("not a member: got %v, err %v", got, err)
	}
}

func TestInvalidInputListsItsFields(t *testing.T) {
	var wrong schema.InvalidInput
	if err := wrong.Err(); err != nil {
		t.Errorf("valid input: got error %v", err)
	}
	wrong.Add("price.decimal", "is negative", "0 or more")
	wrong.Add("name", "is empty", "")
	if got := wrong.Err().Error(); got != "Invalid input: price.decimal is negative; name is empty." {
		t.Error(got)
	}
	if wrong.Fields[1].Hint != nil {
		t.Errorf("got hint %q, want none", *wrong.Fields[1].Hint)
	}
	if got := schema.NewUnavailable("away", 1500*time.Millisecond).RetryAfter; got != 2 {
		t.Errorf("got retryAfter %d", got)
	}
}

func FuzzDecimal(f *testing.F) {
	f.Add("999.99")
	f.Add("1e30")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := schema.UnmarshalDecimal(json.Number(text))
		if err != nil {
			return
		}
		again, err := schema.UnmarshalDecimal(json.Number(written(schema.MarshalDecimal(d))))
		if err != nil || !again.Equal(d) {
			t.Errorf("round trip of %q = %v, err %v", text, again, err)
		}
	})
}
