// Package simulator is a payment provider for development and tests. It is a
// program of its own, `souk payment`, and moves no money. It keeps payments in
// a Postgres database, so they survive a crash as a provider's books do.
//
// run.go starts it; handler.go serves its HTTP API; book.go keeps the payments;
// faults.go makes it fail on demand; import.go writes payments of the past. The API, with Authorization: Bearer and
// the API key:
//
//	PUT  /payments/{key}           authorise: {"amount": 1999, "currency": "USD", "token": "…", "reference": "7"}
//	POST /payments/{key}/capture   take the amount
//	POST /payments/{key}/void      let the amount go
//	POST /payments/{key}/refund    pay the amount back
//	GET  /payments/{key}           one payment
//	GET  /payments                 the latest 100 payments, newest first
//	GET, PUT, DELETE /faults       read, replace and remove the faults
//
// Every call is idempotent by its key. The amount is in minor units. A payment
// that is declined has status 200 and "status": "DECLINED"; a call that the
// payment's state does not allow has status 409.
//
// # Faults
//
// Some tokens stand for means of payment that cause trouble:
//
//	test-declined            declined, with reason card_declined
//	test-insufficient-funds  declined, with reason insufficient_funds
//	test-expired-card        declined, with reason expired_card
//	test-capture-refused     authorised, but capturing is refused
//
// PUT /faults takes a list of faults. The first that matches a call and is not
// used up applies:
//
//	[{"operation": "capture", "reference": "7", "mode": "late", "delay": "5s", "times": 1}]
//
// operation is authorize, capture, void or refund; without it, the fault matches
// all. reference matches payments with that reference. times is how often the
// fault applies (without it: always). mode is one of
//
//	unavailable  status 503; the call has no effect
//	timeout      no response; the call has no effect
//	silent       no response; the call has its effect
//	late         the call has its effect after delay, even if the client has left
//
// A call without a response ends when the client leaves, or after 30 s.
package simulator
