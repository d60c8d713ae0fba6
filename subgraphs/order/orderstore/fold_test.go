package orderstore

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// every event that can follow OrderPlaced, with more weight for those that take
// an order further.
var following = []Event{
	PaymentAuthorized{}, PaymentAuthorized{}, Confirmed{}, Confirmed{}, Shipped{Carrier: "Post", TrackingNumber: "T1"}, Shipped{},
	Delivered{}, PaymentCaptured{}, PaymentCaptured{}, RefundRequested{Reason: "broken"}, PaymentRefunded{}, PaymentVoided{}, PaymentFailed{Reason: "expired"},
	Cancelled{Reason: "late"}, Rejected{Reason: OutOfStock}, Rejected{Reason: Declined}, Rejected{Reason: Abandoned}, PersonalDataErased{},
}

// The fold admits exactly the lives that an order may have: whatever events are
// attempted, stock, money and personal data agree with each other.
func TestFoldKeepsMoneyAndGoodsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		address := &Address{Name: "Ada", Line1: "Main 1", City: "Ulm", Country: "DE"}
		placed := Placed{
			UserID: 1, Currency: "EUR", Lines: []Line{{ProductID: 1, Name: "x", Quantity: 2, UnitPrice: 7}},
			ShippingAddress: address, PaymentRequired: rapid.Bool().Draw(t, "paid"),
		}
		var o Order
		var history []StoredEvent
		add := func(e Event) {
			next, at := o, time.Unix(int64(len(history)), 0).UTC()
			if next.applyNext(e, o.ID, o.Version+1, at) != nil {
				return
			}
			data, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			history = append(history, StoredEvent{OrderID: o.ID, Version: next.Version, At: at, Type: e.Type(), Data: data})
			checkStep(t, o, next)
			o = next
		}
		o.ID = 5
		add(placed)
		for _, e := range rapid.SliceOfN(rapid.SampledFrom(following), 0, 30).Draw(t, "events") {
			add(e)
			checkState(t, o, placed.PaymentRequired)
		}
		checkHistory(t, o, history)
	})
}

// No life of an order has more than maxEvents events, and one has as many.
func TestLivesOfOrdersAreShort(t *testing.T) {
	longest := 0
	var live func(o Order)
	live = func(o Order) {
		longest = max(longest, o.Version)
		for _, e := range slices.Concat(following, []Event{Placed{UserID: 1, PaymentRequired: true}, Placed{UserID: 1}}) {
			next := o
			if e.apply(&next, time.Unix(1, 0)) == nil { // applyNext has the bound
				if next.Version++; next.Version > maxEvents {
					t.Fatalf("event %d of an order that is %s, with the payment %+v, is %s", next.Version, o.Status, o.Payment, e.Type())
				}
				live(next)
			}
		}
	}
	live(Order{ID: 5})
	if longest != maxEvents {
		t.Errorf("the longest life has %d events, not %d", longest, maxEvents)
	}
}

// checkStep checks what an event must not change.
func checkStep(t *rapid.T, before, after Order) {
	if before.Version == 0 {
		return
	}
	if after.Total != before.Total || after.UserID != before.UserID || !slices.Equal(after.Lines, before.Lines) {
		t.Fatalf("an event changed what was ordered: %+v, then %+v", before, after)
	}
	order := map[Status][]Status{
		StatusPending:   {StatusConfirmed, StatusRejected},
		StatusConfirmed: {StatusShipped, StatusCancelled},
		StatusShipped:   {StatusDelivered},
	}
	if after.Status != before.Status && !slices.Contains(order[before.Status], after.Status) {
		t.Fatalf("the status went from %s to %s", before.Status, after.Status)
	}
	if (after.Status != before.Status) != (after.StatusVersion == after.Version) {
		t.Fatalf("the status has version %d after event %d", after.StatusVersion, after.Version)
	}
}

func checkState(t *rapid.T, o Order, paid bool) {
	if (o.Payment != nil) != paid {
		t.Fatalf("the payment is %+v", o.Payment)
	}
	if o.erased && (o.ShippingAddress != nil || o.CancelReason != nil || o.Shipment != nil && o.Shipment.TrackingNumber != "") {
		t.Fatalf("personal data is left: %+v", o)
	}
	if (o.Shipment != nil) != (o.Status == StatusShipped || o.Status == StatusDelivered) {
		t.Fatalf("a %s order has the shipment %+v", o.Status, o.Shipment)
	}
	if !paid {
		return
	}
	allowed := map[Status][]PaymentStatus{
		StatusPending:   {StatusUnpaid, StatusAuthorized},
		StatusConfirmed: {StatusAuthorized},
		StatusShipped:   {StatusAuthorized, StatusCaptured, StatusFailed, StatusRefunding, StatusRefunded},
		StatusDelivered: {StatusAuthorized, StatusCaptured, StatusFailed, StatusRefunding, StatusRefunded},
		StatusCancelled: {StatusAuthorized, StatusVoided},
		StatusRejected:  {StatusUnpaid, StatusDeclined, StatusAuthorized, StatusVoided},
	}
	if !slices.Contains(allowed[o.Status], o.Payment.Status) {
		t.Fatalf("the payment of a %s order is %s", o.Status, o.Payment.Status)
	}
	// What is due can be recorded, so no order gets stuck with its money.
	event := map[PaymentAction]Event{Void: PaymentVoided{}, Capture: PaymentCaptured{}, Refund: PaymentRefunded{}}[o.DuePayment()]
	if event == nil {
		if o.Payment.Status == StatusAuthorized && o.Status != StatusPending && o.Status != StatusConfirmed || o.Payment.Status == StatusRefunding {
			t.Fatalf("nothing is due for a %s order whose payment is %s", o.Status, o.Payment.Status)
		}
		return
	}
	if err := o.applyNext(event, o.ID, o.Version+1, time.Unix(99, 0)); err != nil {
		t.Fatalf("what is due cannot be recorded: %v", err)
	}
	if o.DuePayment() != NoAction {
		t.Fatalf("after %s, %s is due", event.Type(), o.DuePayment())
	}
}

// checkHistory folds the stored events again.
func checkHistory(t *rapid.T, o Order, history []StoredEvent) {
	again, err := fold(history)
	if err != nil {
		t.Fatal(err)
	}
	got, err := rowValues(again)
	if err != nil {
		t.Fatal(err)
	}
	want, err := rowValues(o)
	if err != nil {
		t.Fatal(err)
	}
	a, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Fatalf("the stored events add up to\n%s, not\n%s", a, b)
	}
}
