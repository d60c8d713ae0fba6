package notification_test

import (
	"fmt"
	"testing"
)

// Anyone can sign up with a stranger's address and telephone number, which then
// get a few messages, without the text that the other chose.
func TestUnconfirmedRecipientsGetFewMessages(t *testing.T) {
	w := start(t)
	event := 0
	tell := func(kind string, user int) {
		event++
		w.tell(t, fmt.Sprintf("019a0000-0000-7000-8000-00000000%04d", event), kind, event, user)
	}
	for range 4 { // two accounts have the same address
		tell("order.cancelled", 3)
		tell("order.created", 4)
	}
	for range 6 {
		tell("order.created", 2)
	}
	await(t, "all events handled", func() bool { return w.count(t, "processed_events") == event })
	for recipient, want := range map[string]int{"carl@example.com": 5, "+4930999": 5, "ben@example.com": 6} {
		if n := w.count(t, "notifications WHERE lower(recipient) = '"+recipient+"'"); n != want {
			t.Errorf("%s gets %d messages, want %d", recipient, n, want)
		}
	}
	if n := w.count(t, "notifications WHERE recipient <> 'ben@example.com' AND subject || body || html ~ 'evil|heavy'"); n != 0 {
		t.Errorf("%d messages have the text of the sender", n)
	}
	// An hour later there may be more.
	if _, err := w.DB.Exec(t.Context(), `UPDATE notifications SET created_at = created_at - interval '61 minutes'`); err != nil {
		t.Fatal(err)
	}
	tell("order.created", 3)
	await(t, "the last event handled", func() bool { return w.count(t, "processed_events") == event })
	if n := w.count(t, "notifications WHERE lower(recipient) = 'carl@example.com'"); n != 6 {
		t.Errorf("an hour later, there are %d e-mails, want 6", n)
	}
}
