// Package message renders notifications. From the data of an event and a
// person's name it makes an e-mail or an SMS, with the templates embedded
// here. A template consists of three files: NAME.txt (its first line is the
// subject), NAME.html and, for orders, NAME.sms. message.go renders messages about
// orders, account.go those about accounts; name.go decides which names they
// mention. Package notifier calls them.
package message
