package payment

import "time"

// NewPayment is the body of PUT /payments/{key}, which authorises a payment.
type NewPayment struct {
	Amount    int64  `json:"amount"`   // minor units
	Currency  string `json:"currency"` // ISO 4217
	Token     string `json:"token,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// State is a payment as the provider sends it.
type State struct {
	Key            string    `json:"key"`
	Reference      string    `json:"reference"`
	Amount         int64     `json:"amount"` // minor units; 0 if nothing was ever authorised
	Currency       string    `json:"currency"`
	Status         Status    `json:"status"`
	DeclineReason  string    `json:"declineReason,omitempty"`
	DeclineMessage string    `json:"declineMessage,omitempty"`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// Problem is the body of a response with status 4xx.
type Problem struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Status  Status `json:"status,omitempty"` // of the payment
}
