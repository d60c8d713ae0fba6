package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// payments is the name of the payment provider's database.
const payments = "payment"

// money is an amount in a currency's minor unit, and the state of its payment.
type money struct {
	Amount int64
	Status string
}

// checkMoney compares the payments at the provider with the orders placed since
// the load started: an order that is in force has its total authorised or
// captured, and no other payment holds money.
func (a *auditor) checkMoney(ctx context.Context) (string, error) {
	owed, err := a.money(ctx, "order", `
		select id, total, payment->>'status' from orders
		where id > $1 and status in ('CONFIRMED', 'SHIPPED', 'DELIVERED') and payment is not null`)
	if err != nil {
		return "", err
	}
	held, err := a.money(ctx, payments, `
		select reference::bigint, sum(amount)::bigint, string_agg(status, '+') from payments
		where reference <> '' and reference::bigint > $1 and status in ('AUTHORIZED', 'CAPTURED') group by 1`)
	if err != nil {
		return "", err
	}
	var wrong []string
	for id, want := range owed {
		if got := held[id]; got != want {
			wrong = append(wrong, fmt.Sprintf("order %d has %+v, but the provider %+v", id, want, got))
		}
	}
	for id, got := range held {
		if _, ok := owed[id]; !ok {
			wrong = append(wrong, fmt.Sprintf("the provider has %+v for order %d, which is not in force", got, id))
		}
	}
	if wrong != nil {
		return "", errors.New(strings.Join(wrong, "; "))
	}
	return fmt.Sprintf("%d payments, each of an order and of its total", len(held)), nil
}

func (a *auditor) money(ctx context.Context, database, query string) (map[int64]money, error) {
	rows, err := a.databases[database].Query(ctx, query, a.lastOrder)
	if err != nil {
		return nil, fmt.Errorf("reading the payments of %s: %w", database, err)
	}
	all := map[int64]money{}
	var id int64
	var m money
	_, err = pgx.ForEachRow(rows, []any{&id, &m.Amount, &m.Status}, func() error { all[id] = m; return nil })
	if err != nil {
		return nil, fmt.Errorf("reading the payments of %s: %w", database, err)
	}
	return all, nil
}
