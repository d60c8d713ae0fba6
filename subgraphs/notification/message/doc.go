// Package message writes what people are told: from an event's data and a
// person's contact it makes an e-mail and, for those with a telephone, an SMS,
// by the templates embedded here. A template is three files: NAME.txt, whose
// first line is the subject, NAME.html, and NAME.sms.
package message
