// Package notification is the notification service: it tells people what
// happened to their orders, by e-mail and SMS.
//
// An event (order.created, order.cancelled) goes to mailroom, which writes a
// message for each channel with package message, sends it by package deliver
// and keeps what became of it; graph answers questions about that. Where a
// person can be reached, the user service says. notification.sent goes out
// through the outbox.
//
// SMTP_URL (smtp://user:password@host:587), MAIL_FROM, SMS_WEBHOOK_URL and
// SMS_WEBHOOK_SECRET say how messages leave; a channel that has no URL is off.
package notification
