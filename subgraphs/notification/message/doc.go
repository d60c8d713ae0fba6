// Package message renders notifications. From the data of an event and a
// person's name it makes an e-mail or an SMS, with the templates embedded
// here. A template consists of three files: NAME.txt (its first line is the
// subject), NAME.html and NAME.sms. message.go is the only source file;
// package notifier calls it.
package message
