package message

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"strings"
	texttemplate "text/template"
	"time"

	"souk/subgraphs/internal/schema"
)

// The names of the templates.
const (
	OrderCreated   = "order-created"
	OrderCancelled = "order-cancelled"
	OrderPaid      = "order-paid"
	OrderShipped   = "order-shipped"
	OrderDelivered = "order-delivered"
	OrderRefunded  = "order-refunded"
	PaymentFailed  = "payment-failed"
)

// Order is the order data that templates can use. It decodes the data of the
// events of orders.
type Order struct {
	OrderID  int64     `json:"orderId,string"`
	UserID   int64     `json:"userId,string"`
	Currency string    `json:"currency"` // ISO 4217
	Total    int64     `json:"total"`    // minor units
	Lines    []Line    `json:"lines"`
	PlacedAt time.Time `json:"placedAt"`
	Reason   string    `json:"reason"` // of the cancellation
	Shipment *Shipment `json:"shipment"`
}

// Shipment is how a shipped order travels. The fields may be empty.
type Shipment struct {
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"trackingNumber"`
}

// Line is a quantity of a product.
type Line struct {
	Name      string `json:"name"`
	Quantity  int    `json:"quantity"`
	UnitPrice int64  `json:"unitPrice"` // minor units
}

// Text is a rendered message.
type Text struct {
	Subject string // empty for an SMS
	Body    string
	HTML    string // empty for an SMS
}

// Writer renders messages.
type Writer struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

//go:embed templates
var embedded embed.FS

// NewWriter parses the templates.
func NewWriter() (*Writer, error) {
	files, err := fs.Sub(embedded, "templates")
	if err != nil {
		return nil, err
	}
	w := &Writer{}
	if w.text, err = texttemplate.New("").ParseFS(files, "*.txt", "*.sms"); err != nil {
		return nil, fmt.Errorf("parsing the text templates: %w", err)
	}
	if w.html, err = htmltemplate.New("").ParseFS(files, "*.html"); err != nil {
		return nil, fmt.Errorf("parsing the HTML templates: %w", err)
	}
	return w, nil
}

// view is the data that a template executes with.
type view struct {
	Order
	Name string // of the recipient
}

// Price formats an amount, such as 1999.98 USD.
func (v view) Price(minorUnits int64) string {
	amount := schema.Money{MinorUnits: minorUnits, Currency: v.Currency}.Decimal()
	return amount.StringFixed(-amount.Exponent()) + " " + v.Currency
}

// LineTotal formats the price of all units of a line.
func (v view) LineTotal(l Line) string { return v.Price(l.UnitPrice * int64(l.Quantity)) }

// Email renders a template as an e-mail to a person, whose name may be empty.
func (w *Writer) Email(template, name string, o Order) (Text, error) {
	return w.email(template, view{o, addressee(name)})
}

func (w *Writer) email(template string, data any) (Text, error) {
	text, err := w.run(template+".txt", data)
	if err != nil {
		return Text{}, err
	}
	subject, body, ok := strings.Cut(text, "\n")
	if !ok {
		return Text{}, fmt.Errorf("template %s.txt has a subject but no body", template)
	}
	var html bytes.Buffer
	if err := w.html.ExecuteTemplate(&html, template+".html", data); err != nil {
		return Text{}, fmt.Errorf("rendering %s.html: %w", template, err)
	}
	return Text{Subject: strings.TrimSpace(subject), Body: strings.TrimSpace(body) + "\n", HTML: html.String()}, nil
}

// SMS renders a template as an SMS.
func (w *Writer) SMS(template string, o Order) (Text, error) {
	text, err := w.run(template+".sms", view{Order: o})
	return Text{Body: strings.TrimSpace(text)}, err
}

func (w *Writer) run(file string, data any) (string, error) {
	var text strings.Builder
	if err := w.text.ExecuteTemplate(&text, file, data); err != nil {
		return "", fmt.Errorf("rendering %s: %w", file, err)
	}
	return text.String(), nil
}
