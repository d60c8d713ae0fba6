// Package notification is the notification service. It tells customers by
// e-mail and SMS what happens to their orders.
//
// An event of an order (order.created, order.shipped and so on) passes through
// these packages:
//
//	notifier   stores one notification per channel, sends it, records the result
//	message    renders the text of a notification from templates
//	deliver    hands the message to an SMTP server or an SMS webhook
//	graph      answers GraphQL queries about notifications
//
// user.mail is an e-mail about an account, such as one that confirms an address.
// user.erased empties the notifications of an erased account.
//
// The user service supplies the addresses (package userclient). Each message
// sent is published as notification.sent through the outbox. Package inbox
// receives messages during development. service.go is the hub, and generate.go
// writes the notifications of a generated shop.
//
// The environment configures the channels: SMTP_URL
// (smtp://user:password@host:587) and MAIL_FROM for e-mail; SMS_WEBHOOK_URL
// and SMS_WEBHOOK_SECRET for SMS. A channel without a URL is disabled.
package notification
