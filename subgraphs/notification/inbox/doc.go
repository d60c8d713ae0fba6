// Package inbox stands in for the world that notifications go out to while one
// develops: an SMTP server that takes every e-mail, a webhook that takes every
// SMS (POST /sms), and a page that shows them (GET /, as JSON at
// GET /api/messages). It keeps the newest in memory and nothing else.
//
// A message that arrives again, by its Message-ID or its webhook-id, is the
// same message with one more delivery, so that a sender who repeats itself is
// seen to.
package inbox
