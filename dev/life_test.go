package dev_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"souk/dev"
)

// An order goes from payment to delivery, the customer hears of it, and then
// erases the account.
func TestOrderIsPaidShippedDeliveredAndForgotten(t *testing.T) {
	t.Parallel()
	store := open(t, dev.Options{ShipAfter: time.Millisecond, DeliverAfter: time.Millisecond})
	user, product := store.newUser(t, "lovelace"), store.newProduct(t, "A travelling product", 5)
	placed, _ := store.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", fmt.Sprintf(`{"userId":%s,"productId":%s,"quantity":2,
		"shippingAddress":{"name":"Ada Lovelace","line1":"Main 1","city":"Ulm","postalCode":"89073","country":"DE"}}`, user, product))
	if payment, _ := placed["payment"].(map[string]any); payment["status"] != "AUTHORIZED" || placed["status"] != "CONFIRMED" {
		t.Errorf("the new order is %v", placed)
	}
	path := fmt.Sprintf("/api/orders/%v", placed["id"])
	var order map[string]any
	eventually(t, time.Minute, "the order delivered and paid", func() bool {
		order, _ = store.expect(t, http.StatusOK, http.MethodGet, path, "")
		payment, _ := order["payment"].(map[string]any)
		return order["status"] == "DELIVERED" && payment["status"] == "CAPTURED"
	})
	if shipment, _ := order["shipment"].(map[string]any); shipment["carrier"] != "Souk Post" || shipment["trackingNumber"] == nil || shipment["deliveredAt"] == nil {
		t.Errorf("the shipment is %v", shipment)
	}
	store.expect(t, http.StatusConflict, http.MethodDelete, path, "")
	eventually(t, time.Minute, "four e-mails", func() bool { return len(store.mails(t, "lovelace@example.com")) == 4 })
	id := fmt.Sprint(placed["id"])
	mails := store.mails(t, "lovelace@example.com")
	for _, want := range []string{
		"Your order " + id + " is confirmed", "Your order " + id + " is on its way", "Receipt for your order " + id, "Your order " + id + " has been delivered",
	} {
		if !slices.Contains(mails, want) {
			t.Errorf("no e-mail %q among %q", want, mails)
		}
	}

	problem, _ := store.expect(t, http.StatusPaymentRequired, http.MethodPost, "/api/orders",
		fmt.Sprintf(`{"userId":%s,"productId":%s,"quantity":1,"paymentToken":"test-declined"}`, user, product))
	if problem["code"] != "PAYMENT_DECLINED" || problem["reason"] != "card_declined" {
		t.Errorf("the problem is %v", problem)
	}
	list := store.call(t.Context(), http.MethodGet, "/api/users/"+user+"/orders", "")
	if n := strings.Count(string(list.body), `"status":"DELIVERED"`); n != 1 || strings.Contains(string(list.body), "REJECTED") {
		t.Errorf("the user's orders are %s", list.body)
	}
	store.erase(t, user, path)
}

// erase erases an account and checks that nothing of it is left.
func (s *store) erase(t *testing.T, user, order string) {
	t.Helper()
	const query = `query($id: ID!) { user(id: $id) { username email orders { nodes { shippingAddress { name } history { data } notifications { body } } } } }`
	everything := func() string {
		return fmt.Sprint(s.graphql(t, query, map[string]any{"id": user}))
	}
	if before := everything(); strings.Count(strings.ToLower(before), "lovelace") < 4 {
		t.Errorf("before the erasure: %s", before)
	}
	s.expect(t, http.StatusOK, http.MethodPost, "/api/users/"+user+"/erasure", "")
	eventually(t, time.Minute, "nothing left of the person", func() bool { return !strings.Contains(strings.ToLower(everything()), "lovelace") })
	kept, _ := s.expect(t, http.StatusOK, http.MethodGet, order, "")
	if kept["total"] != 20.0 || kept["status"] != "DELIVERED" || kept["shippingAddress"] != nil {
		t.Errorf("the order is %v", kept)
	}
	s.replayFindsNoDifference(t)
}

// While the payment provider is away, nothing is ordered; what is due then is
// done when it is back.
func TestStoreSurvivesAnOutageOfThePaymentProvider(t *testing.T) {
	t.Parallel()
	store := open(t, dev.Options{})
	user, product := store.newUser(t, "solvent"), store.newProduct(t, "A dear product", 2)
	wish := fmt.Sprintf(`{"userId":%s,"productId":%s,"quantity":1}`, user, product)
	placed, _ := store.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", wish)
	path := fmt.Sprintf("/api/orders/%v", placed["id"])
	if err := store.StopPayment(); err != nil {
		t.Fatal(err)
	}
	problem, header := store.expect(t, http.StatusServiceUnavailable, http.MethodPost, "/api/orders", wish)
	if header.Get("Retry-After") == "" || !strings.Contains(fmt.Sprint(problem["detail"]), "payment") {
		t.Errorf("refused with %v, %v", problem, header)
	}
	shipped, _ := store.expect(t, http.StatusOK, http.MethodPost, path+"/shipment", `{"carrier":"Post","trackingNumber":"T1"}`)
	if payment, _ := shipped["payment"].(map[string]any); shipped["status"] != "SHIPPED" || payment["status"] != "AUTHORIZED" {
		t.Errorf("shipped without the provider: %v", shipped)
	}
	if err := store.StartPayment(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the payment captured", func() bool {
		order, _ := store.expect(t, http.StatusOK, http.MethodGet, path, "")
		return order["payment"].(map[string]any)["status"] == "CAPTURED"
	})
	eventually(t, time.Minute, "an order taken again", func() bool {
		return store.call(t.Context(), http.MethodPost, "/api/orders", wish).status == http.StatusCreated
	})
	store.replayFindsNoDifference(t)
}
