package notification_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/subgraphs/internal/events"
)

// Customers hear of every step of an order's life.
func TestEveryStepOfAnOrderIsTold(t *testing.T) {
	w := start(t)
	steps := []struct{ kind, subject, text, sms string }{
		{kind: "order.shipped", subject: "Your order 7 is on its way", text: "of 24 November 2026 is on its way.", sms: "Souk: Your order 7 is on its way."},
		{kind: "order.paid", subject: "Receipt for your order 7", text: "Paid: 2019.48 USD", sms: "Souk: We have received 2019.48 USD for your order 7."},
		{kind: "order.delivered", subject: "Your order 7 has been delivered", text: "2 x Laptop & Co", sms: "Souk: Your order 7 has been delivered."},
		{kind: "order.refunded", subject: "Refund for your order 7", text: "paid back 2019.48 USD", sms: "Souk: We have paid back 2019.48 USD for your order 7."},
		{kind: "payment.failed", subject: "Payment for your order 7", text: "could not collect 2019.48 USD", sms: "Souk: We could not collect 2019.48 USD for your order 7. We will contact you."},
	}
	for i, step := range steps {
		w.tell(t, fmt.Sprintf("019a0000-0000-7000-8000-0000000000%02d", i), step.kind, 7, 1)
	}
	await(t, "two messages for each step", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 2*len(steps) })
	texts := map[string]string{} // by ID
	for _, m := range w.inbox.Messages() {
		texts[m.ID] = m.Subject + "\n" + m.Text + m.HTML
	}
	for i, step := range steps {
		id := fmt.Sprintf("019a0000-0000-7000-8000-0000000000%02d", i)
		mail, sms := texts[id+".email@test.example"], strings.TrimSpace(texts[id+".sms"])
		if !strings.HasPrefix(mail, step.subject+"\n") || !strings.Contains(mail, step.text) || !strings.Contains(mail, "<title>"+step.subject) {
			t.Errorf("%s: the e-mail is %s", step.kind, mail)
		}
		if sms != step.sms {
			t.Errorf("%s: the SMS is %q, want %q", step.kind, sms, step.sms)
		}
	}
}

func TestShipmentIsTold(t *testing.T) {
	w := start(t)
	envelope := `{"specversion": "1.0", "id": "` + first + `", "source": "/souk/order", "type": "order.shipped", "subject": "7", "time": "2026-11-24T09:00:00Z", "datacontenttype": "application/json",
		"data": {"orderId": "7", "userId": "1", "currency": "USD", "total": 1, "placedAt": "2026-11-24T09:00:00Z", "lines": [], "shipment": {"carrier": "Post <&>", "trackingNumber": "T-1"}}}`
	if _, err := w.Redis.XAdd(events.Stream, "*", []string{"type", "order.shipped", "event", envelope}); err != nil {
		t.Fatal(err)
	}
	await(t, "two messages", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 2 })
	for _, m := range w.inbox.Messages() {
		if !strings.Contains(m.Text, "on its way with Post <&>. The tracking number is T-1.") || m.HTML != "" && !strings.Contains(m.HTML, "Post &lt;&amp;&gt;") {
			t.Errorf("the message is %s\n%s", m.Text, m.HTML)
		}
	}
}

// After an erasure nothing is left of the person, and nothing is sent any more.
func TestErasureEmptiesNotifications(t *testing.T) {
	w := start(t)
	w.tell(t, first, "order.created", 7, 1)
	w.tell(t, second, "order.created", 8, 2)
	await(t, "three messages", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 3 })
	w.smsAway.Store(true) // the next SMS cannot be sent
	w.tell(t, "019a0000-0000-7000-8000-000000000003", "order.cancelled", 7, 1)
	await(t, "a dead SMS", func() bool { return w.count(t, "notifications WHERE status = 'DEAD'") == 1 })
	await(t, "the e-mail", func() bool { return w.count(t, "notifications WHERE status = 'SENT'") == 4 })

	w.erased.Store(true)
	w.tell(t, "019a0000-0000-7000-8000-000000000004", "user.erased", 1, 1)
	w.tell(t, "019a0000-0000-7000-8000-000000000005", "order.cancelled", 9, 1)
	await(t, "both events handled", func() bool { return w.count(t, "processed_events") == 5 })
	if n := w.count(t, `notifications n WHERE user_id = 1 AND n::text ~ 'Anna|anna@|4930123456|Laptop'`); n != 0 {
		t.Errorf("%d notifications have personal data", n)
	}
	if n := w.count(t, "notifications WHERE user_id = 1"); n != 4 {
		t.Errorf("%d notifications are on record, not 4", n)
	}
	if n := w.count(t, `notifications n WHERE user_id = 2 AND n::text LIKE '%ben@example.com%'`); n != 1 {
		t.Error("another user's notification was emptied")
	}
	var id string
	if err := w.DB.QueryRow(t.Context(), `SELECT id::text FROM notifications WHERE status = 'DEAD'`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	retry := fmt.Sprintf(`mutation { retryNotification(id: %q) { __typename } }`, id)
	same(t, retry, w.Data(t, retry, nil), `{"retryNotification": {"__typename": "Conflict"}}`)
}
