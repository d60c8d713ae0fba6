package deliver

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// smsTimeout bounds one webhook call.
const smsTimeout = 10 * time.Second

// SMSSender sends SMS through a webhook. It POSTs {"to": "+49…", "text": "…"}
// with the headers of Standard Webhooks (webhook-id, webhook-timestamp and,
// given a secret, webhook-signature) and an Idempotency-Key.
type SMSSender struct {
	url    string
	secret []byte
	client *http.Client
	now    func() time.Time
}

// NewSMSSender returns a sender for a webhook URL. An empty secret disables
// signatures.
func NewSMSSender(webhook, secret string, transport http.RoundTripper, now func() time.Time) (*SMSSender, error) {
	if u, err := url.Parse(webhook); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("the SMS webhook %q is not a URL such as https://sms.example/send", webhook)
	}
	return &SMSSender{webhook, []byte(secret), &http.Client{Transport: transport, Timeout: smsTimeout}, now}, nil
}

// Send sends an SMS.
func (t *SMSSender) Send(ctx context.Context, message Message) error {
	body, err := json.Marshal(struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}{message.To, message.Body})
	if err != nil {
		return permanentError{fmt.Errorf("encoding an SMS: %w", err)}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("sending an SMS: %w", err)
	}
	timestamp := strconv.FormatInt(t.now().Unix(), 10)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", strconv.Quote(message.ID)) // a structured string
	request.Header.Set("Webhook-Id", message.ID)
	request.Header.Set("Webhook-Timestamp", timestamp)
	if len(t.secret) > 0 {
		request.Header.Set("Webhook-Signature", Signature(t.secret, message.ID, timestamp, body))
	}
	response, err := t.client.Do(request)
	if err != nil {
		return fmt.Errorf("sending an SMS: %w", err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 200)) // used only to explain a failure
	switch status := response.StatusCode; {
	case status < 300:
		return nil
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
		return permanentError{fmt.Errorf("the webhook rejected the SMS: %s: %q", response.Status, answer)}
	default:
		return fmt.Errorf("sending an SMS: the webhook responded with %s: %q", response.Status, answer)
	}
}

// Signature returns the webhook-signature of a body: version 1 of Standard
// Webhooks, the SHA-256 HMAC of ID, timestamp (Unix seconds) and body.
func Signature(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
