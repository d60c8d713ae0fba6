package checkout

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/orderstore"
	"souk/subgraphs/order/productclient"
)

// Request is a request to place an order.
type Request struct {
	UserID          string // empty for the caller
	Lines           []RequestLine
	ShippingAddress *orderstore.Address // nil for none
	ExpectedTotal   *schema.MoneyInput  // the total the customer agreed to; nil for any
	PaymentToken    string              // the payment provider's; empty for its default
	IdempotencyKey  *string             // nil for none
}

// RequestLine asks for a quantity of a product.
type RequestLine struct {
	ProductID string
	Quantity  int
}

const (
	// defaultCurrency is the currency of an expected total without one.
	defaultCurrency = "USD"

	maxLines    = 100
	maxQuantity = 1000
	maxKeyBytes = 255 // bytes
	maxToken    = 200 // bytes

	maxAddressLine = 100 // characters
	maxPostalCode  = 20  // characters
)

// validRequest is a validated request. Its lines are in the order of the
// request; lines for the same product are merged into the first.
type validRequest struct {
	userID   int64
	lines    []validLine
	address  *orderstore.Address
	expected *schema.Money // nil for any total
	token    string
	paid     bool // the order must be paid through the provider
	key      *orderstore.IdempotencyKey
}

type validLine struct {
	productID int64
	quantity  int
	index     int // its place in the request
}

// validate checks a request as far as that needs no other service.
func validate(caller identity.Caller, r Request) (validRequest, error) {
	user, err := orderOwner(caller, r.UserID)
	if err != nil {
		return validRequest{}, err
	}
	w := validRequest{userID: user, address: r.ShippingAddress, token: r.PaymentToken}
	invalid := &schema.InvalidInput{}
	if n := len(r.Lines); n < 1 || n > maxLines {
		invalid.Add("lines", fmt.Sprintf("has %d entries", n), fmt.Sprintf("from 1 to %d", maxLines))
	}
	if r.IdempotencyKey != nil && (*r.IdempotencyKey == "" || len(*r.IdempotencyKey) > maxKeyBytes) {
		invalid.Add("idempotencyKey", fmt.Sprintf("is %d bytes long", len(*r.IdempotencyKey)), fmt.Sprintf("from 1 to %d", maxKeyBytes))
	}
	if len(r.PaymentToken) > maxToken || strings.ContainsFunc(r.PaymentToken, unicode.IsControl) {
		invalid.Add("paymentToken", "is not a token of the payment provider", fmt.Sprintf("at most %d bytes without control characters", maxToken))
	}
	checkAddress(invalid, r.ShippingAddress)
	if r.ExpectedTotal != nil {
		expected := r.ExpectedTotal.Money(invalid, "expectedTotal", defaultCurrency, math.MaxInt64)
		w.expected = &expected
	}
	if err := w.mergeLines(r.Lines, invalid); err != nil {
		return w, err
	}
	if err := invalid.Err(); err != nil {
		return w, err
	}
	if r.IdempotencyKey != nil {
		w.key = &orderstore.IdempotencyKey{Caller: caller.Actor(), Value: *r.IdempotencyKey, RequestHash: w.hash()}
	}
	return w, nil
}

var countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)

func checkAddress(invalid *schema.InvalidInput, a *orderstore.Address) {
	if a == nil {
		return
	}
	const path = "shippingAddress."
	checkLine(invalid, path+"name", a.Name, 1, maxAddressLine)
	checkLine(invalid, path+"line1", a.Line1, 1, maxAddressLine)
	checkLine(invalid, path+"line2", a.Line2, 0, maxAddressLine)
	checkLine(invalid, path+"city", a.City, 1, maxAddressLine)
	checkLine(invalid, path+"postalCode", a.PostalCode, 0, maxPostalCode)
	checkLine(invalid, path+"region", a.Region, 0, maxAddressLine)
	if !countryPattern.MatchString(a.Country) {
		invalid.Add(path+"country", "is not a country code", "two capital letters, such as DE (ISO 3166-1 alpha-2)")
	}
}

// orderOwner returns the ID of the user the order is for.
func orderOwner(caller identity.Caller, user string) (int64, error) {
	if user == "" {
		user = caller.UserID
	}
	if user == "" {
		if caller.Anonymous && !caller.Tutorial {
			return 0, schema.NewForbidden("Log in to order.")
		}
		return 0, schema.Invalid("userId", "is missing", "the ID of the user who orders")
	}
	if !caller.MaySee(user) {
		return 0, schema.NewForbidden("You can place orders only for yourself.")
	}
	id, ok := ParseID(user)
	if !ok {
		return 0, schema.NewNotFound("user", user)
	}
	return id, nil
}

func (w *validRequest) mergeLines(lines []RequestLine, invalid *schema.InvalidInput) error {
	const hint = "from 1 to 1000"
	places := map[int64]int{}
	for i, line := range lines {
		id, ok := ParseID(line.ProductID)
		if !ok {
			return schema.NewNotFound("product", line.ProductID)
		}
		if line.Quantity < 1 || line.Quantity > maxQuantity {
			invalid.Add(fmt.Sprintf("lines.%d.quantity", i), fmt.Sprintf("is %d", line.Quantity), hint)
			continue
		}
		place, again := places[id]
		if !again {
			places[id] = len(w.lines)
			w.lines = append(w.lines, validLine{id, line.Quantity, i})
			continue
		}
		if w.lines[place].quantity += line.Quantity; w.lines[place].quantity > maxQuantity {
			invalid.Add(fmt.Sprintf("lines.%d.quantity", i), fmt.Sprintf("brings the product to %d units", w.lines[place].quantity), hint)
		}
	}
	return nil
}

// hash identifies what is ordered. It detects an idempotency key that is
// reused for something else.
func (w validRequest) hash() []byte {
	h := sha256.New()
	buffer := binary.AppendVarint(nil, w.userID)
	for _, line := range w.lines {
		buffer = binary.AppendVarint(binary.AppendVarint(buffer, line.productID), int64(line.quantity))
	}
	h.Write(buffer)
	// What was added later counts only if it is there, so that keys stay valid.
	if w.address != nil || w.token != "" {
		_ = json.NewEncoder(h).Encode([]any{w.address, w.token}) // neither can fail
	}
	if w.expected != nil {
		_ = json.NewEncoder(h).Encode(w.expected) // cannot fail
	}
	return h.Sum(nil)
}

func (w validRequest) productIDs() []int64 {
	ids := make([]int64, len(w.lines))
	for i, line := range w.lines {
		ids[i] = line.productID
	}
	return ids
}

// placedEvent returns the order's first event, with the products' current
// names and prices.
func (w validRequest) placedEvent(products map[int64]productclient.Product) (orderstore.Placed, error) {
	placed := orderstore.Placed{UserID: w.userID, ShippingAddress: w.address}
	invalid := &schema.InvalidInput{}
	var total uint64
	for _, line := range w.lines {
		p, ok := products[line.productID]
		path := fmt.Sprintf("lines.%d.productId", line.index)
		switch {
		case !ok:
			return placed, schema.NewNotFound("product", strconv.FormatInt(line.productID, 10))
		case p.Retired:
			invalid.Add(path, fmt.Sprintf("is %q, which is no longer sold", p.Name), "")
		case placed.Currency != "" && p.Currency != placed.Currency:
			invalid.Add(path, fmt.Sprintf("is sold in %s, but earlier lines are in %s", p.Currency, placed.Currency), "order products of a single currency")
		default:
			placed.Currency = p.Currency
		}
		high, low := bits.Mul64(uint64(p.Price), uint64(line.quantity))
		if total += low; p.Price < 0 || high > 0 || low > math.MaxInt64 || total > math.MaxInt64 {
			return placed, schema.Invalid(path, "makes the order's total too large", "")
		}
		placed.Lines = append(placed.Lines, orderstore.Line{ProductID: line.productID, Name: p.Name, Quantity: line.quantity, UnitPrice: p.Price})
	}
	placed.PaymentRequired = w.paid && total > 0
	if err := invalid.Err(); err != nil {
		return placed, err
	}
	return placed, w.checkTotal(&placed, schema.Money{MinorUnits: int64(total), Currency: placed.Currency})
}

// checkTotal compares the total of a new order with the expected one, and
// records in the order's first event that it is as expected. The event has the
// prices that the order is charged at, whatever they become later.
func (w validRequest) checkTotal(placed *orderstore.Placed, total schema.Money) error {
	if w.expected == nil {
		return nil
	}
	if *w.expected != total {
		return &schema.TotalChanged{
			Message: fmt.Sprintf("The order costs %s %s, not the expected %s %s. Nothing was ordered.",
				total.Decimal(), total.Currency, w.expected.Decimal(), w.expected.Currency),
			Total: &total,
		}
	}
	placed.ExpectedTotal = &total.MinorUnits
	return nil
}

// ParseID parses the ID of an order, user or product. All are positive integers
// without sign or leading zeros.
func ParseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == text
}
