package user_test

import (
	"fmt"
	"strings"
	"testing"

	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/user"
)

func TestErasedAccountKeepsNothingButItsID(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	anna, ben := signUp(t, s, "anna"), signUp(t, s, "ben")
	logIn(t, s, "anna", "wrong") // leaves a row in login_attempts
	erase := func(id, password string) string {
		return fmt.Sprintf(`mutation { eraseUser(input: {id: %q, currentPassword: %q}) { __typename ... on UserPayload { user { id username displayName email phone roles version erasedAt } } } }`, id, password)
	}
	for _, refused := range []step{
		{ask: erase("1", "secret of ben"), as: bearer(ben.AccessToken), want: `{"eraseUser":{"__typename":"Forbidden"}}`},
		{ask: erase("1", "secret of anna"), want: `{"eraseUser":{"__typename":"Forbidden"}}`},
		{ask: erase("1", "wrong"), as: bearer(anna.AccessToken), want: `{"eraseUser":{"__typename":"InvalidCredentials"}}`},
		{ask: erase("9", ""), as: servicetest.AsService, want: `{"eraseUser":{"__typename":"NotFound"}}`},
	} {
		run(t, s, []step{refused})
	}
	got := s.Data(t, erase("1", "secret of anna"), nil, bearer(anna.AccessToken))
	if !strings.Contains(got, `"id":"1","username":"erased-1","displayName":"Erased account","email":null,"phone":null,"roles":["CUSTOMER"]`) || strings.Contains(got, `"erasedAt":null`) {
		t.Errorf("erased: %s", got)
	}
	if again := s.Data(t, erase("1", ""), nil, servicetest.AsService); again != got {
		t.Errorf("erased again: %s, not %s", again, got)
	}
	for _, table := range []string{"users", "sessions", "attempts", "account_mails", "event_outbox"} {
		var n int
		if err := s.DB.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` x WHERE x::text LIKE '%anna%'`).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s has the name in %d rows, %v", table, n, err)
		}
	}
	var subject, data string
	if err := s.DB.QueryRow(t.Context(), `SELECT subject, data::text FROM event_outbox WHERE type = 'user.erased'`).Scan(&subject, &data); err != nil || subject != "1" || data != `{"userId":"1"}` {
		t.Errorf("user.erased: %s %s, %v", subject, data, err)
	}
	run(t, s, []step{
		{ask: `{ user(id: "1") { username } users { nodes { id } totalCount } }`, as: servicetest.AsService, want: `{"user":{"username":"erased-1"},"users":{"nodes":[{"id":"2"}],"totalCount":1}}`},
		{ask: `{ contacts(userIds: ["1", "2"]) { email erased } }`, as: servicetest.AsService, want: `{"contacts":[{"email":"","erased":true},{"email":"ben@example.com","erased":false}]}`},
		{ask: `mutation { updateUser(input: {id: "1", displayName: "Anna"}) { __typename } }`, as: bearer(anna.AccessToken), want: `{"updateUser":{"__typename":"Forbidden"}}`},
		{ask: `mutation { changePassword(input: {id: "1", newPassword: "another secret"}) { __typename } }`, as: bearer(anna.AccessToken), want: `{"changePassword":{"__typename":"Forbidden"}}`},
		{ask: `mutation { setRoles(id: "1", roles: [ADMIN]) { __typename } }`, as: servicetest.AsService, want: `{"setRoles":{"__typename":"NotFound"}}`},
		{ask: fmt.Sprintf(`mutation { refreshSession(refreshToken: %q) { __typename } }`, anna.RefreshToken), want: `{"refreshSession":{"__typename":"InvalidCredentials"}}`},
	})
	for _, login := range []string{"anna", "anna@example.com", "erased-1", ":erased:1", ""} {
		if got := logIn(t, s, login, "secret of anna"); got.Typename != "InvalidCredentials" {
			t.Errorf("log-in as %q: %+v", login, got)
		}
	}
	// The names are free again.
	if again := signUp(t, s, "anna"); again.User.ID != "3" {
		t.Errorf("the name is not free: %+v", again)
	}
	if other := signUp(t, s, "erased-3"); other.Typename != "Session" {
		t.Errorf("a name that an erased account might get: %+v", other)
	}
	run(t, s, []step{{ask: `mutation { eraseUser(input: {id: "3"}) { __typename } }`, as: servicetest.AsService, want: `{"eraseUser":{"__typename":"UserPayload"}}`}})
}

// Whoever erases an account cannot ask for more e-mails to an address, or make
// more guesses, than others.
func TestErasureDoesNotResetLimits(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	signUp(t, s, "ben")
	for range 12 {
		guesser := beginFrom(t, s, `signUp(input: {username: "guesser", email: "ben@example.com", password: "secret of ben"})`, from("192.0.2.1"))
		beginFrom(t, s, `logIn(input: {login: "ben@example.com", password: "guess"})`, from("192.0.2.1"))
		s.Data(t, fmt.Sprintf(`mutation { eraseUser(input: {id: %q, currentPassword: "secret of ben"}) { __typename } }`, guesser.User.ID), nil, bearer(guesser.AccessToken))
	}
	if got := beginFrom(t, s, `logIn(input: {login: "ben@example.com", password: "guess"})`, from("192.0.2.1")); got.Code != "TOO_MANY_ATTEMPTS" {
		t.Errorf("guess 13: %+v", got)
	}
	begin(t, s, `signUp(input: {username: "guesser", email: "ben@example.com"})`)
	if all := mails(t, s, "ben@example.com"); len(all) != 1 {
		t.Errorf("e-mails to ben: %v, want his own only", all)
	}
}

func TestTheLastAdministratorCannotBeErased(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	signUp(t, s, "anna")
	signUp(t, s, "ben")
	const erase = `mutation { eraseUser(input: {id: "1"}) { __typename } }`
	const promote = `mutation { setRoles(id: "%d", roles: [ADMIN]) { __typename } }`
	run(t, s, []step{
		{ask: fmt.Sprintf(promote, 1), as: servicetest.AsService, want: `{"setRoles":{"__typename":"UserPayload"}}`},
		{ask: erase, as: servicetest.AsService, want: `{"eraseUser":{"__typename":"Conflict"}}`},
		{ask: fmt.Sprintf(promote, 2), as: servicetest.AsService, want: `{"setRoles":{"__typename":"UserPayload"}}`},
		{ask: erase, as: servicetest.AsService, want: `{"eraseUser":{"__typename":"UserPayload"}}`},
	})
}
