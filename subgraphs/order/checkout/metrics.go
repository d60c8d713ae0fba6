package checkout

import (
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"souk/subgraphs/internal/peer"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/order/orderstore"
	"souk/telemetry"
)

var (
	metricOrders = telemetry.Metric{
		Name: "souk_orders_total", Kind: telemetry.Counter,
		Help:   "Orders by the result of placing them: confirmed, the reason of the rejection, or, of those that were refused before they were recorded, total_changed (another total than the customer expects) or the service that was unavailable: inventory_away, payment_away, product_away, user_away, or other_away.",
		Labels: []string{"result"},
	}
	metricPayments = telemetry.Metric{
		Name: "souk_payments_total", Kind: telemetry.Counter,
		Help:   "Changes of payments: voided, captured, refunded, or failed (the provider refused to capture).",
		Labels: []string{"result"},
	}
)

const (
	confirmed    = "confirmed"
	totalChanged = "total_changed"
	other        = "other"
)

// peers are the services that an order needs before it is recorded.
var peers = []string{"inventory", "payment", "product", "user"}

// Metrics count the results of a [Service].
type Metrics struct{ orders, payments *prometheus.CounterVec }

// NewMetrics registers the metrics. Every series exists from the start.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{orders: metricOrders.NewCounter(r), payments: metricPayments.NewCounter(r)}
	m.orders.WithLabelValues(confirmed)
	m.orders.WithLabelValues(totalChanged)
	for _, reason := range []orderstore.Reason{orderstore.OutOfStock, orderstore.Declined, orderstore.Unavailable, orderstore.Abandoned} {
		m.orders.WithLabelValues(label(reason))
	}
	for _, service := range slices.Concat(peers, []string{other}) {
		m.orders.WithLabelValues(away(service))
	}
	for _, e := range []orderstore.Event{orderstore.PaymentVoided{}, orderstore.PaymentCaptured{}, orderstore.PaymentRefunded{}, orderstore.PaymentFailed{}} {
		m.payments.WithLabelValues(paymentResult(e))
	}
	return m
}

// settled counts the event that made an order final.
func (m *Metrics) settled(event orderstore.Event) {
	switch e := event.(type) {
	case orderstore.Confirmed:
		m.orders.WithLabelValues(confirmed).Inc()
	case orderstore.Rejected:
		m.orders.WithLabelValues(label(e.Reason)).Inc()
	}
}

// refused counts an order that was refused before it was recorded, since a service was unavailable.
func (m *Metrics) refused(err error) {
	service := other
	var failed *peer.Error
	if errors.As(err, &failed) && slices.Contains(peers, failed.Service) {
		service = failed.Service
	}
	m.orders.WithLabelValues(away(service)).Inc()
}

// invalid counts an order that was refused before it was recorded because of what the customer
// asked for, if that says something about the store: the total differs from what it showed.
func (m *Metrics) invalid(err error) {
	var changed *schema.TotalChanged
	if errors.As(err, &changed) {
		m.orders.WithLabelValues(totalChanged).Inc()
	}
}

// paid counts a change of a payment.
func (m *Metrics) paid(event orderstore.Event) {
	m.payments.WithLabelValues(paymentResult(event)).Inc()
}

func away(service string) string { return service + "_away" }

func label(r orderstore.Reason) string { return strings.ToLower(string(r)) }

func paymentResult(event orderstore.Event) string {
	return strings.ToLower(strings.TrimPrefix(event.Type(), "Payment"))
}
