package database

import "testing"

func TestStatementsAreNamed(t *testing.T) {
	for sql, want := range map[string]string{
		"\n\t\tselect id, count(*) from orders o where id = $1":                                      "SELECT orders",
		`INSERT INTO "event_outbox"(id) VALUES ($1)`:                                                 "INSERT event_outbox",
		"UPDATE stock_levels SET on_hand = on_hand - 1":                                              "UPDATE stock_levels",
		"delete from attempts where action = $1":                                                     "DELETE attempts",
		"select greatest(0, extract(epoch from now() - min(time))) from event_outbox where true":     "SELECT event_outbox",
		"with sent as (update account_mails set sent = true returning id) select count(*) from sent": "WITH account_mails",
		"select count(*) from (select 1 from orders limit 5) found":                                  "SELECT orders",
		"select unnest($1::text[])":                                                                  "SELECT",
		"SELECT 'taken FROM us', x FROM t":                                                           "SELECT t",
		"begin":                                                                                      "BEGIN",
		"commit":                                                                                     "COMMIT",
		"BEGIN; SET LOCAL statement_timeout = 60000":                                                 "BEGIN",
		"":                       "_EMPTY",
		"select 'an open string": "SELECT",
	} {
		if got := summary(sql); got != want {
			t.Errorf("%s: got %q, want %q", sql, got, want)
		}
	}
}
