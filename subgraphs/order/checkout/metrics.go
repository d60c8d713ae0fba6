package checkout

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"souk/subgraphs/order/orderstore"
	"souk/telemetry"
)

var (
	metricOrders = telemetry.Metric{
		Name: "souk_orders_total", Kind: telemetry.Counter,
		Help:   "Orders by the result of placing them: confirmed, or the reason of the rejection.",
		Labels: []string{"result"},
	}
	metricPayments = telemetry.Metric{
		Name: "souk_payments_total", Kind: telemetry.Counter,
		Help:   "Changes of payments: voided, captured, refunded, or failed (the provider refused to capture).",
		Labels: []string{"result"},
	}
)

const confirmed = "confirmed"

// Metrics count the results of a [Service].
type Metrics struct{ orders, payments *prometheus.CounterVec }

// NewMetrics registers the metrics. Every series exists from the start.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{orders: metricOrders.NewCounter(r), payments: metricPayments.NewCounter(r)}
	m.orders.WithLabelValues(confirmed)
	for _, reason := range []orderstore.Reason{orderstore.OutOfStock, orderstore.Declined, orderstore.Unavailable, orderstore.Abandoned} {
		m.orders.WithLabelValues(label(reason))
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

// paid counts a change of a payment.
func (m *Metrics) paid(event orderstore.Event) {
	m.payments.WithLabelValues(paymentResult(event)).Inc()
}

func label(r orderstore.Reason) string { return strings.ToLower(string(r)) }

func paymentResult(event orderstore.Event) string {
	return strings.ToLower(strings.TrimPrefix(event.Type(), "Payment"))
}
