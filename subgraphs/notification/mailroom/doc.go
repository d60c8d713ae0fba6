// Package mailroom keeps notifications and sends them.
//
// An event makes one notification for each channel (Room.Handle, in the
// consumer's transaction; a unique key of event and channel makes sure). It is
// PENDING. A worker claims one that is due by moving its due time on, sends it,
// and marks it SENT together with notification.sent in the outbox. A failure
// puts it off, each time for longer; after the last allowed attempt, or when
// the receiver refuses it for good, it is DEAD: it stays on that list until
// somebody has it tried again (Room.Retry).
//
// What is sent is sent once, but for one case that SMTP leaves open: if the
// process dies after the receiver took the message and before the mark, the
// claim runs out after a while and the message is sent again. It carries the
// same Message-ID then (webhook-id for an SMS), by which receivers drop it.
package mailroom
