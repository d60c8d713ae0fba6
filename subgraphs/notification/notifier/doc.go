// Package notifier stores notifications and sends them. It takes events from
// the event bus (Service.Handle) and answers the resolvers' queries.
//
// service.go is the hub: it creates and retries notifications (notification.go).
// prepare.go asks for the contacts that several events need.
// send.go sends them and sent.go records that, query.go reads them, erase.go empties those of an erased
// account, and import.go writes those of the past. account.go creates e-mails
// about accounts, whose tokens exist only in the e-mail that is sent.
// metrics.go counts attempts. unconfirmed.go bounds messages to recipients who may be somebody else.
//
// An event creates one PENDING notification for each channel, in the
// consumer's transaction. A unique key on event and channel makes this
// idempotent. A worker claims a due notification by moving its due time into
// the future, sends it, and marks it SENT in the transaction that appends
// notification.sent to the outbox. After a failure the worker schedules the
// next attempt with exponential backoff. When the attempts are used up, or the
// receiver rejects the message permanently, the notification becomes DEAD. It
// stays on that dead-letter list until an administrator retries it
// (Service.Retry).
//
// Delivery is at least once, because SMTP has no transactions: if the process
// dies after the receiver accepted a message and before the row is marked, the
// claim expires and another worker sends the message again. The repetition
// carries the same Message-ID (webhook-id for an SMS), so receivers can drop it.
package notifier
