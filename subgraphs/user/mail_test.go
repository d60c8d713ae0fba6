package user_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/user"
	"souk/subgraphs/user/account"
)

// from sends a request as the router does for the client with an address.
func from(address string) func(http.Header) {
	return func(h http.Header) { h.Set(identity.ClientAddressHeader, address) }
}

// mails returns the e-mails to an address that the notification service would
// send, as "ID purpose", in the order in which they were asked for.
func mails(t *testing.T, s *servicetest.Service, address string) []string {
	t.Helper()
	rows, err := s.DB.Query(t.Context(), `
		select m.id::text from event_outbox e join account_mails m on m.id = (e.data->>'mailId')::uuid
		where e.type = 'user.mail' order by m.created_at, e.position`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		var data struct {
			AccountMails []*struct{ Address, Purpose string }
		}
		text := s.Data(t, fmt.Sprintf(`{ accountMails(ids: [%q]) { address purpose } }`, id), nil, servicetest.AsService)
		if err := json.Unmarshal([]byte(text), &data); err != nil {
			t.Fatal(err)
		}
		if m := data.AccountMails[0]; m != nil && m.Address == address {
			found = append(found, id+" "+m.Purpose)
		}
	}
	return found
}

// mailToken sends the newest e-mail of a purpose to an address, as the
// notification service does, and returns its token.
func mailToken(t *testing.T, s *servicetest.Service, purpose, address string) string {
	t.Helper()
	all := mails(t, s, address)
	for i := len(all) - 1; i >= 0; i-- {
		id, is, _ := strings.Cut(all[i], " ")
		if is != purpose {
			continue
		}
		token := fmt.Sprintf("token %d of %s", time.Now().UnixNano(), id)
		hash := sha256.Sum256([]byte(token))
		add := fmt.Sprintf(`mutation { addAccountToken(mailId: %q, hash: %q) }`, id, hex.EncodeToString(hash[:]))
		for range 2 { // the call may be repeated
			run(t, s, []step{{ask: add, as: servicetest.AsService, want: `{"addAccountToken":true}`}})
		}
		return token
	}
	t.Fatalf("no %s to %s, only %v", purpose, address, all)
	return ""
}

func typename(t *testing.T, s *servicetest.Service, mutation string, headers ...func(http.Header)) string {
	t.Helper()
	var data map[string]struct {
		Typename string `json:"__typename"`
	}
	text := s.Data(t, "mutation { "+mutation+" { __typename } }", nil, headers...)
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		t.Fatal(err)
	}
	for _, result := range data {
		return result.Typename
	}
	return ""
}

func expect(t *testing.T, s *servicetest.Service, want, mutation string, headers ...func(http.Header)) {
	t.Helper()
	if got := typename(t, s, mutation, headers...); got != want {
		t.Errorf("%s: got %s, want %s", mutation, got, want)
	}
}

func confirm(t *testing.T, s *servicetest.Service, token string) {
	t.Helper()
	expect(t, s, "UserPayload", confirmation(token))
}

func confirmation(token string) string { return fmt.Sprintf(`confirmEmail(token: %q)`, token) }
func request(login string) string      { return fmt.Sprintf(`requestPasswordReset(login: %q)`, login) }
func reset(token, password string) string {
	return fmt.Sprintf(`resetPassword(input: {token: %q, newPassword: %q})`, token, password)
}

func changeEmail(id, email, password string) string {
	return fmt.Sprintf(`changeEmail(input: {id: %q, email: %q, currentPassword: %q})`, id, email, password)
}

// varying are the values of responses that differ for any two accounts.
var varying = regexp.MustCompile(`"(id|username|displayName|email|createdAt|expiresAt|accessToken|refreshToken)":"[^"]*"`)

// A stranger cannot find out whether somebody uses an e-mail address: neither
// from responses, nor from the work that is done, nor from e-mails.
func TestAddressesCannotBeEnumerated(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	signUp(t, s, "ada")
	confirm(t, s, mailToken(t, s, "confirm-email", "ada@example.com"))
	const (
		fields  = `{ id username displayName email emailConfirmedAt phone roles createdAt version }`
		session = `__typename ... on Session { accessToken refreshToken expiresAt user ` + fields + ` } ... on Error { code message }`
		created = session + ` ... on UserPayload { user ` + fields + ` }`
		mail    = `__typename ... on MailRequested { expiresAt } ... on Error { code message }`
	)
	attacker := signUp(t, s, "attacker")
	for name, c := range map[string]struct {
		operation string // ADDRESS stands for an address, NAME for a name to choose
		as        func(http.Header)
	}{
		"sign-up with a password": {operation: `mutation { signUp(input: {username: "NAME", email: "ADDRESS", password: "a good secret"}) { ` + created + ` } }`},
		"sign-up without":         {operation: `mutation { signUp(input: {username: "NAME-2", email: "ADDRESS"}) { ` + created + ` } }`},
		"log-in":                  {operation: `mutation { logIn(input: {login: "ADDRESS", password: "NAME's guess"}) { ` + session + ` } }`},
		"password reset":          {operation: `mutation { requestPasswordReset(login: "ADDRESS") { ` + mail + ` } }`},
		"new address":             {operation: `mutation { changeEmail(input: {id: "2", email: "ADDRESS", currentPassword: "secret of attacker"}) { ` + mail + ` } }`, as: bearer(attacker.AccessToken)},
	} {
		var got [2]string
		for i, address := range []string{"ada@example.com", "free@example.com"} {
			headers := []func(http.Header){from("192.0.2.1")}
			if c.as != nil {
				headers = append(headers, c.as)
			}
			operation := strings.NewReplacer("ADDRESS", address, "NAME", []string{"eve", "mallory"}[i]).Replace(c.operation)
			got[i] = varying.ReplaceAllString(s.Data(t, operation, nil, headers...), `"$1":"…"`)
		}
		if got[0] != got[1] {
			t.Errorf("%s: the response tells which address is in use:\n%s\n%s", name, got[0], got[1])
		}
	}
	// Whoever reads both mailboxes gets the same, but for the reset that only
	// an account can have.
	purposes := func(address string) (all []string) {
		for _, m := range mails(t, s, address) {
			if _, purpose, _ := strings.Cut(m, " "); purpose != "reset-password" {
				all = append(all, purpose)
			}
		}
		return all
	}
	if taken, free := purposes("ada@example.com"), purposes("free@example.com"); len(taken) != len(free) || len(free) != 3 {
		t.Errorf("e-mails to the address in use: %v, to the other: %v", taken, free)
	}
	// The address stays with its owner.
	if got := logIn(t, s, "ada@example.com", "a good secret"); got.Code != "INVALID_CREDENTIALS" {
		t.Errorf("an unconfirmed address logs in: %+v", got)
	}
	if got := logIn(t, s, "ada@example.com", "secret of ada"); got.User.ID != "1" {
		t.Errorf("the owner cannot log in: %+v", got)
	}
}

// A request for an account does the same work as one for no account.
func TestRequestsForStrangersTakeTheSameQueries(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	signUp(t, s, "ada")
	confirm(t, s, mailToken(t, s, "confirm-email", "ada@example.com"))
	pool, queries := s.CountingPool(t)
	accounts := &account.Service{DB: pool, Hasher: account.NewHasher(account.DefaultCost), Now: time.Now}
	count := func(do func() error) int64 {
		before := queries.Load()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		return queries.Load() - before
	}
	for name, do := range map[string]func(address string) error{
		"password reset": func(address string) error { _, err := accounts.RequestPasswordReset(t.Context(), address); return err },
		"sign-up": func(address string) error {
			password := "a good secret"
			_, err := accounts.SignUp(t.Context(), account.Draft{Username: "x" + strings.ReplaceAll(address, "@", "."), Email: address, Password: &password})
			return err
		},
		"new address": func(address string) error {
			_, err := accounts.ChangeEmail(t.Context(), "1", address, nil, true)
			return err
		},
	} {
		taken := count(func() error { return do("ada@example.com") })
		if free := count(func() error { return do("free@example.com") }); taken != free || taken == 0 {
			t.Errorf("%s: %d queries for an address in use, %d for another", name, taken, free)
		}
	}
}

// A new account with an address that nobody has confirmed does not get the e-mail of
// the account that had the address before.
func TestNewAccountDoesNotDivertAReset(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	signUp(t, s, "ada")
	expect(t, s, "Session", `signUp(input: {username: "mallory", email: "ada@example.com", password: "secret of mallory"})`)
	expect(t, s, "MailRequested", request("ada@example.com"))
	expect(t, s, "UserPayload", reset(mailToken(t, s, "reset-password", "ada@example.com"), "a new secret"))
	if got := logIn(t, s, "ada", "a new secret"); got.User.ID != "1" {
		t.Errorf("the owner cannot log in with the new password: %+v", got)
	}
	if got := logIn(t, s, "ada@example.com", "a new secret"); got.User.ID != "1" {
		t.Errorf("the owner cannot log in with the address: %+v", got)
	}
}

func TestForgottenPasswordIsResetByEmail(t *testing.T) {
	now := &clock{now: time.Now()}
	s := servicetest.Start(t, user.Run, enforced, with(now))
	ada := signUp(t, s, "ada")
	expect(t, s, "MailRequested", request("Ada"))
	now.pass(time.Second)
	expect(t, s, "MailRequested", request("ada@example.com")) // not confirmed, but nobody else's
	tokens := []string{mailToken(t, s, "reset-password", "ada@example.com"), mailToken(t, s, "reset-password", "ada@example.com")}
	pending := mailToken(t, s, "confirm-email", "ada@example.com")

	expect(t, s, "InvalidInput", reset(tokens[0], "short"))
	expect(t, s, "InvalidToken", reset("guess", "another secret"))
	expect(t, s, "InvalidToken", reset(pending, "another secret")) // for another purpose
	expect(t, s, "InvalidToken", confirmation(tokens[0]))
	results := make(chan string, 8)
	for i := range cap(results) {
		go func() { results <- typename(t, s, reset(tokens[i%2], fmt.Sprint("another secret ", i))) }()
	}
	count := map[string]int{}
	for range cap(results) {
		count[<-results]++
	}
	if count["UserPayload"] != 1 || count["InvalidToken"] != cap(results)-1 {
		t.Fatalf("concurrent uses of the tokens of one e-mail: %v", count)
	}

	expect(t, s, "InvalidToken", reset(tokens[1], "yet another secret"))
	expect(t, s, "InvalidToken", confirmation(pending)) // revoked
	if got := refresh(t, s, ada.RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("the old session goes on: %+v", got)
	}
	expect(t, s, "Forbidden", `updateUser(input: {id: "1", displayName: "Eve"})`, bearer(ada.AccessToken))
	run(t, s, []step{{ask: `{ me { id } }`, as: bearer(ada.AccessToken), want: `{"me":null}`}})
	if got := logIn(t, s, "ada", "secret of ada"); got.Code != "INVALID_CREDENTIALS" {
		t.Errorf("the old password: %+v", got)
	}
	var logged int
	for i := range cap(results) {
		if got := logIn(t, s, "ada@example.com", fmt.Sprint("another secret ", i)); got.AccessToken != "" { // the address is confirmed
			logged++
		}
		now.pass(time.Hour)
	}
	if logged != 1 {
		t.Errorf("%d of the new passwords log in, want 1", logged)
	}
	if all := mails(t, s, "ada@example.com"); len(all) != 1 || !strings.HasSuffix(all[0], " password-changed") {
		t.Errorf("left to be sent: %v", all)
	}

	now.pass(2 * time.Hour)
	expect(t, s, "MailRequested", request("ada"))
	late := mailToken(t, s, "reset-password", "ada@example.com")
	now.pass(time.Hour)
	expect(t, s, "InvalidToken", reset(late, "too late a secret"))
}

func TestAddressChangesWithPasswordAndConfirmation(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	ada, bob := signUp(t, s, "ada"), signUp(t, s, "bob")
	confirm(t, s, mailToken(t, s, "confirm-email", "ada@example.com"))
	confirm(t, s, mailToken(t, s, "confirm-email", "bob@example.com"))
	asAda, asBob := bearer(ada.AccessToken), bearer(bob.AccessToken)

	expect(t, s, "Forbidden", changeEmail("1", "ada@new.example", "secret of ada"))
	expect(t, s, "Forbidden", changeEmail("1", "bob@new.example", "secret of bob"), asBob)
	expect(t, s, "InvalidCredentials", changeEmail("1", "ada@new.example", "wrong"), asAda)
	expect(t, s, "InvalidInput", changeEmail("1", "nowhere", "secret of ada"), asAda)
	expect(t, s, "MailRequested", changeEmail("1", "ada@new.example", "secret of ada"), asAda)
	run(t, s, []step{{ask: `{ me { email } }`, as: asAda, want: `{"me":{"email":"ada@example.com"}}`}})
	expect(t, s, "MailRequested", request("ada"))
	stale := mailToken(t, s, "reset-password", "ada@example.com")
	token := mailToken(t, s, "confirm-email", "ada@new.example")
	confirm(t, s, token)
	expect(t, s, "InvalidToken", confirmation(token))
	expect(t, s, "InvalidToken", reset(stale, "who reads the old mailbox")) // it went to the old address
	run(t, s, []step{{ask: `{ me { email } }`, as: asAda, want: `{"me":{"email":"ada@new.example"}}`}})
	if all := mails(t, s, "ada@example.com"); len(all) != 1 || !strings.HasSuffix(all[0], " email-changed") {
		t.Errorf("to the old address: %v", all)
	}
	if got := logIn(t, s, "ada@example.com", "secret of ada"); got.Code != "INVALID_CREDENTIALS" {
		t.Errorf("the old address logs in: %+v", got)
	}
	if got := logIn(t, s, "ada@new.example", "secret of ada"); got.User.ID != "1" {
		t.Errorf("the new address does not log in: %+v", got)
	}

	// The address of somebody else is refused when it is confirmed: only its
	// owner learns that.
	expect(t, s, "MailRequested", changeEmail("2", "ADA@new.example", "secret of bob"), asBob)
	expect(t, s, "Conflict", confirmation(mailToken(t, s, "confirm-email", "ADA@new.example")))
	run(t, s, []step{{ask: `{ me { email } }`, as: asBob, want: `{"me":{"email":"bob@example.com"}}`}})

	// A new password stops a change that somebody else began.
	expect(t, s, "MailRequested", changeEmail("2", "bob@new.example", "secret of bob"), asBob)
	begun := mailToken(t, s, "confirm-email", "bob@new.example")
	expect(t, s, "UserPayload", `changePassword(input: {id: "2", currentPassword: "secret of bob", newPassword: "another secret"})`, asBob)
	expect(t, s, "InvalidToken", confirmation(begun))
}

// E-mails that anybody can ask for are bounded for each address, silently, and
// for each client.
func TestRequestedEmailsAreBounded(t *testing.T) {
	now := &clock{now: time.Now()}
	s := servicetest.Start(t, user.Run, enforced, with(now))
	signUp(t, s, "ada")
	for i := range 20 {
		expect(t, s, "MailRequested", request("ada"), from(fmt.Sprint("192.0.2.", i)))
	}
	if n := len(mails(t, s, "ada@example.com")); n != 1+5 { // one to confirm the address
		t.Errorf("%d e-mails, want 6", n)
	}
	for _, login := range []string{"ada", "nobody@example.com"} {
		var got []string
		for range 6 {
			got = append(got, typename(t, s, request(login), from("2001:db8::1")))
		}
		if want := "MailRequested MailRequested MailRequested MailRequested TooManyAttempts TooManyAttempts"; strings.Join(got, " ") != want {
			t.Errorf("requests for %s: %v", login, got)
		}
	}
	now.pass(2 * time.Hour)
	expect(t, s, "MailRequested", request("ada"), from("2001:db8::2"))
	if n := len(mails(t, s, "ada@example.com")); n != 1+1 {
		t.Errorf("%d e-mails two hours later, want 2", n)
	}
}

// A notice that nobody asked for is an e-mail like others while the address is
// somebody else's, perhaps. The owner of a confirmed address gets all.
func TestNoticesToUnconfirmedAddressesAreBounded(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	signUp(t, s, "ada")
	signUp(t, s, "bob")
	confirm(t, s, mailToken(t, s, "confirm-email", "bob@example.com"))
	for id, want := range map[string]int{"1": 5, "2": 6} {
		name := map[string]string{"1": "ada", "2": "bob"}[id]
		password := "secret of " + name
		for i := range 6 {
			session := logIn(t, s, name, password)
			next := fmt.Sprint("another secret ", i)
			expect(t, s, "UserPayload", fmt.Sprintf(`changePassword(input: {id: %q, currentPassword: %q, newPassword: %q})`, id, password, next), bearer(session.AccessToken))
			password = next
		}
		notices := 0
		for _, m := range mails(t, s, name+"@example.com") {
			if strings.HasSuffix(m, " password-changed") {
				notices++
			}
		}
		if notices != want {
			t.Errorf("%s gets %d notices, want %d", name, notices, want)
		}
	}
}

// Nobody can lock out somebody else: guesses block the client that makes them,
// whichever header it forges, and not the owner of the account.
func TestGuessingDoesNotBlockOthers(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced, withAdmin)
	guess := func(address string) tokens {
		return beginFrom(t, s, `logIn(input: {login: "admin", password: "guess"})`, from(address))
	}
	for i := range 12 {
		guess(fmt.Sprintf("2001:db8::%d", i+1)) // one network
	}
	if got := guess("2001:db8::ffff"); got.Code != "TOO_MANY_ATTEMPTS" {
		t.Errorf("guess 13: %+v", got)
	}
	if got := beginFrom(t, s, `logIn(input: {login: "admin", password: "rule the souk"})`, from("192.0.2.7")); got.AccessToken == "" {
		t.Errorf("the administrator is locked out: %+v", got)
	}
	if got := guess("2001:db8::1"); got.Code != "TOO_MANY_ATTEMPTS" {
		t.Errorf("a log-in from elsewhere frees the guesser: %+v", got)
	}
}

// What the notification service needs is not for others.
func TestEmailsAreForServicesOnly(t *testing.T) {
	s := servicetest.Start(t, user.Run, func(env *server.Environment) { env.AuthMode = server.Tutorial })
	ada := signUp(t, s, "ada")
	for _, operation := range []string{
		`{ accountMails(ids: ["00000000-0000-0000-0000-000000000000"]) { address } }`,
		`mutation { addAccountToken(mailId: "00000000-0000-0000-0000-000000000000", hash: "00") }`,
	} {
		for who, header := range map[string]func(http.Header){"ada": bearer(ada.AccessToken), "nobody": func(http.Header) {}} {
			answer := s.Do(t, operation, nil, header)
			if len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "FORBIDDEN" {
				t.Errorf("%s by %s: got %s, errors %v", operation, who, answer.Data, answer.Errors)
			}
		}
	}
	run(t, s, []step{{ask: `mutation { addAccountToken(mailId: "no", hash: "00") }`, as: servicetest.AsService, want: `{"addAccountToken":false}`}})
}
