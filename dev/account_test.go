package dev_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/dev"
)

// tokenIn matches the token in an e-mail.
var tokenIn = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)

// Over REST and with real e-mails: a person confirms an address, changes it,
// and resets a forgotten password. The tokens exist in the e-mails only.
func TestAccountsAreRecoveredByEmail(t *testing.T) {
	anyone := open(t, dev.Options{AuthMode: "enforced"})
	post := func(who *store, status int, path, body string, arguments ...any) map[string]any {
		t.Helper()
		out, _ := who.expect(t, status, http.MethodPost, path, fmt.Sprintf(body, arguments...))
		return out
	}
	var tokens []string
	token := func(to, subject string) string {
		t.Helper()
		var found string
		eventually(t, readyWithin, subject+" to "+to, func() bool {
			for _, m := range anyone.inbox(t, to) {
				if m.Subject == subject && strings.Contains(m.HTML, tokenIn.FindString(m.Text)) {
					found = tokenIn.FindString(m.Text)
				}
			}
			return found != ""
		})
		tokens = append(tokens, found)
		return found
	}
	user := post(anyone, http.StatusCreated, "/api/users", `{"username":"jane","email":"jane@example.com","password":"secret of jane"}`)
	jane := anyone.logIn(t, "jane", "secret of jane")
	path := fmt.Sprintf("/api/users/%v", user["id"])
	post(anyone, http.StatusUnauthorized, "/api/login", `{"login":"jane@example.com","password":"secret of jane"}`)
	first := token("jane@example.com", "Confirm your e-mail address")
	confirmed := post(anyone, http.StatusOK, "/api/email-confirmations", `{"token":%q}`, first)
	if confirmed["emailConfirmedAt"] == nil || confirmed["username"] != "jane" {
		t.Errorf("confirmed: %v", confirmed)
	}
	if again := post(anyone, http.StatusUnprocessableEntity, "/api/email-confirmations", `{"token":%q}`, first); again["code"] != "INVALID_TOKEN" {
		t.Errorf("a token used twice: %v", again)
	}
	jane.expect(t, http.StatusUnauthorized, http.MethodPut, path+"/email", `{"email":"jane@new.example","currentPassword":"a guess"}`)
	jane.expect(t, http.StatusUnprocessableEntity, http.MethodPatch, path, `{"email":"jane@new.example"}`)
	jane.expect(t, http.StatusAccepted, http.MethodPut, path+"/email", `{"email":"jane@new.example","currentPassword":"secret of jane"}`)
	post(anyone, http.StatusOK, "/api/email-confirmations", `{"token":%q}`, token("jane@new.example", "Confirm your e-mail address"))
	eventually(t, readyWithin, "the notice to the old address", func() bool {
		all := anyone.inbox(t, "jane@example.com")
		return len(all) == 2 && all[0].Subject != all[1].Subject
	})

	for _, login := range []string{"jane@new.example", "nobody@new.example"} {
		if out := post(anyone, http.StatusAccepted, "/api/password-reset-requests", `{"email":%q}`, login); len(out) != 1 || out["expiresAt"] == nil {
			t.Errorf("request for %s: %v", login, out)
		}
	}
	reset := token("jane@new.example", "Reset your password")
	post(anyone, http.StatusNoContent, "/api/password-resets", `{"token":%q,"newPassword":"another secret"}`, reset)
	post(anyone, http.StatusUnprocessableEntity, "/api/password-resets", `{"token":%q,"newPassword":"yet another"}`, reset)
	jane.expect(t, http.StatusForbidden, http.MethodPatch, path, `{"displayName":"Eve"}`) // the session has ended
	jane = anyone.logIn(t, "jane@new.example", "another secret")
	jane.expect(t, http.StatusOK, http.MethodGet, "/api/me", "")
	if n := len(anyone.inbox(t, "nobody@new.example")); n != 0 {
		t.Errorf("%d e-mails to nobody", n)
	}

	notifications := jane.call(t.Context(), http.MethodGet, "/api/notifications", "")
	if notifications.status != http.StatusOK || !strings.Contains(string(notifications.body), "reset-password") {
		t.Errorf("her notifications: %d %s", notifications.status, notifications.body)
	}
	for _, name := range []string{"user", "notification"} {
		anyone.databaseHasNone(t, name, tokens)
	}
	for _, secret := range tokens {
		if strings.Contains(string(notifications.body), secret) {
			t.Errorf("the notifications show a token")
		}
	}

	// Guesses from here do not stop others, but the address of this test.
	for i := range 7 {
		status := http.StatusUnauthorized
		if i == 6 {
			status = http.StatusTooManyRequests
		}
		post(anyone, status, "/api/login", `{"login":"admin","password":"guess"}`)
	}
	var clients []string
	db := anyone.database(t, "user")
	rows, err := db.Query(t.Context(), `select distinct client from attempts`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var client string
		if err := rows.Scan(&client); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, client)
	}
	if len(clients) != 1 || clients[0] != "127.0.0.1" {
		t.Errorf("the clients are %q", clients)
	}
}

// database opens the database of a service.
func (s *store) database(t *testing.T, name string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), s.Variables(name)["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// databaseHasNone looks for secrets in every table of a service.
func (s *store) databaseHasNone(t *testing.T, name string, secrets []string) {
	t.Helper()
	db := s.database(t, name)
	var tables []string
	if err := db.QueryRow(t.Context(), `select array_agg(table_name::text) from information_schema.tables where table_schema = 'public'`).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var n int
		err := db.QueryRow(t.Context(), `select count(*) from "`+table+`" x where x::text like any($1)`, patterns(secrets)).Scan(&n)
		if err != nil || n > 0 {
			t.Errorf("table %s of the %s service: %d rows have a token, %v", table, name, n, err)
		}
	}
}

func patterns(texts []string) (all []string) {
	for _, text := range texts {
		all = append(all, "%"+text+"%")
	}
	return all
}
