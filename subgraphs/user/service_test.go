package user_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/user"
	"souk/subgraphs/user/account"
	"souk/subgraphs/user/graph"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func bearer(token string) func(http.Header) {
	return func(h http.Header) { h.Set("Authorization", "Bearer "+token) }
}

func enforced(env *server.Environment) { env.AuthMode = server.Enforced }

// A clock is advanced by tests.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func with(c *clock) func(*server.Environment) {
	return func(env *server.Environment) { env.Now = c.Now }
}

// step is an operation and its expected data.
type step struct {
	ask, want string
	as        func(http.Header)
}

func run(t *testing.T, s *servicetest.Service, steps []step) {
	t.Helper()
	for _, step := range steps {
		var headers []func(http.Header)
		if step.as != nil {
			headers = append(headers, step.as)
		}
		if got := s.Data(t, step.ask, nil, headers...); got != step.want {
			t.Errorf("%s\n got %s\nwant %s", step.ask, got, step.want)
		}
	}
}

// tokens is the session in the result of a mutation.
type tokens struct {
	Typename                  string `json:"__typename"`
	AccessToken, RefreshToken string
	Code                      string
	User                      struct{ ID, Email string }
}

const sessionFields = `__typename ... on Session { accessToken refreshToken user { id email } } ... on Error { code }`

func begin(t *testing.T, s *servicetest.Service, mutation string) tokens {
	t.Helper()
	return beginFrom(t, s, mutation, func(http.Header) {})
}

func beginFrom(t *testing.T, s *servicetest.Service, mutation string, header func(http.Header)) tokens {
	t.Helper()
	var data map[string]tokens
	if err := json.Unmarshal([]byte(s.Data(t, "mutation { "+mutation+" { "+sessionFields+" } }", nil, header)), &data); err != nil {
		t.Fatal(err)
	}
	for _, session := range data {
		return session
	}
	return tokens{}
}

func signUp(t *testing.T, s *servicetest.Service, name string) tokens {
	t.Helper()
	return begin(t, s, fmt.Sprintf(`signUp(input: {username: %q, email: "%[1]s@example.com", password: "secret of %[1]s"})`, name))
}

func logIn(t *testing.T, s *servicetest.Service, login, password string) tokens {
	t.Helper()
	return begin(t, s, fmt.Sprintf(`logIn(input: {login: %q, password: %q})`, login, password))
}

func refresh(t *testing.T, s *servicetest.Service, token string) tokens {
	t.Helper()
	return begin(t, s, fmt.Sprintf(`refreshSession(refreshToken: %q)`, token))
}

func TestSignUpRejectsInvalidAndTakenNames(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	run(t, s, []step{
		{
			ask:  `mutation { signUp(input: {username: "testuser", email: "test@example.com", phone: "+49 (30) 123-456"}) { ... on UserPayload { user { id username displayName email phone roles version } } } }`,
			want: `{"signUp":{"user":{"id":"1","username":"testuser","displayName":"testuser","email":"test@example.com","phone":"+4930123456","roles":["CUSTOMER"],"version":1}}}`,
		},
		{
			ask:  `mutation { signUp(input: {username: "TestUser", email: "other@example.com"}) { ... on Conflict { code message } } }`,
			want: `{"signUp":{"code":"CONFLICT","message":"The username is already in use."}}`,
		},
		{
			ask:  `mutation { signUp(input: {username: "-", email: "nowhere", password: "short", displayName: " ", phone: "030"}) { ... on InvalidInput { code fields { path } } } }`,
			want: `{"signUp":{"code":"INVALID_INPUT","fields":[{"path":"username"},{"path":"email"},{"path":"password"},{"path":"displayName"},{"path":"phone"}]}}`,
		},
		{
			ask:  `mutation { signUp(input: {username: "abcdefgh", email: "a@example.com", password: "ABCDEFGH"}) { ... on InvalidInput { fields { path message hint } } } }`,
			want: `{"signUp":{"fields":[{"path":"password","message":"equals the account's name","hint":"a password that others cannot guess"}]}}`,
		},
	})
}

func TestUpdateUserChecksInputAndVersion(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	const fields = `{ __typename ... on UserPayload { user { username email phone version } } ... on Error { message } }`
	run(t, s, []step{
		{ask: `mutation { signUp(input: {username: "ada", email: "ada@example.com", phone: "+4930123456"}) { __typename } }`, want: `{"signUp":{"__typename":"UserPayload"}}`},
		{ask: `mutation { signUp(input: {username: "bob", email: "bob@example.com"}) { __typename } }`, want: `{"signUp":{"__typename":"UserPayload"}}`},
		{
			ask:  `mutation { updateUser(input: {id: "1", username: "Ada", expectedVersion: 1}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"UserPayload","user":{"username":"Ada","email":"ada@example.com","phone":"+4930123456","version":2}}}`,
		},
		{
			ask:  `mutation { updateUser(input: {id: "1", username: "Ada"}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"UserPayload","user":{"username":"Ada","email":"ada@example.com","phone":"+4930123456","version":2}}}`,
		},
		{
			ask:  `mutation { updateUser(input: {id: "1", phone: null}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"UserPayload","user":{"username":"Ada","email":"ada@example.com","phone":null,"version":3}}}`,
		},
		{
			ask:  `mutation { updateUser(input: {id: "1", username: "x", expectedVersion: 1}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"InvalidInput","message":"Invalid input: username has an invalid form."}}`,
		},
		{
			ask:  `mutation { updateUser(input: {id: "1", displayName: "A", expectedVersion: 1}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"Conflict","message":"The user \"1\" has version 3, not the expected 1. Read it again and repeat the change."}}`,
		},
		{
			ask:  `mutation { updateUser(input: {id: "1", username: "BOB"}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"Conflict","message":"The username is already in use."}}`,
		},
		{
			ask:  `mutation { updateUser(input: {id: "9", username: "nobody"}) ` + fields + ` }`,
			want: `{"updateUser":{"__typename":"NotFound","message":"There is no user \"9\"."}}`,
		},
	})
}

// Private fields are hidden on every path to a user.
func TestPrivateFieldsAreHiddenFromOthers(t *testing.T) {
	for _, mode := range []string{server.Tutorial, server.Enforced} {
		t.Run(mode, func(t *testing.T) {
			s := servicetest.Start(t, user.Run, func(env *server.Environment) { env.AuthMode = mode })
			ada, bob := signUp(t, s, "ada"), signUp(t, s, "bob")
			anonymous, everybody := `null`, `[]`
			if mode == server.Tutorial {
				anonymous, everybody = `{"email":"ada@example.com"}`, `[{"email":"ada@example.com"},{"email":"bob@example.com"}]`
			}
			const entity = `{ _entities(representations: [{__typename: "User", id: "1"}, {__typename: "User", id: "77"}]) { ... on User { username email } } }`
			run(t, s, []step{
				{ask: `{ user(id: "1") { email } }`, want: `{"user":` + anonymous + `}`},
				{ask: `{ users { nodes { email } } }`, want: `{"users":{"nodes":` + everybody + `}}`},
				{ask: `{ users { nodes { id } totalCount pageInfo { hasNextPage startCursor } } }`, want: `{"users":{"nodes":[],"totalCount":0,"pageInfo":{"hasNextPage":false,"startCursor":null}}}`, as: bearer("made.up.token")},
				{ask: `{ users(first: 1, after: null) { nodes { id } totalCount pageInfo { hasNextPage } } }`, want: `{"users":{"nodes":[{"id":"2"}],"totalCount":1,"pageInfo":{"hasNextPage":false}}}`, as: bearer(bob.AccessToken)},
				{ask: `{ user(id: "1") { email } }`, want: `{"user":{"email":"ada@example.com"}}`, as: bearer(ada.AccessToken)},
				{ask: `{ user(id: "1") { username email phone } }`, want: `{"user":null}`, as: bearer(bob.AccessToken)},
				{ask: `{ user(id: "1") { email } }`, want: `{"user":null}`, as: bearer("made.up.token")},
				{ask: `{ user(id: "1") { email } }`, want: `{"user":null}`, as: func(h http.Header) { h.Set("Souk-Service-Token", "guess") }},
				{ask: `{ users { nodes { email } } }`, want: `{"users":{"nodes":[{"email":"bob@example.com"}]}}`, as: bearer(bob.AccessToken)},
				{ask: entity, want: `{"_entities":[null,null]}`, as: bearer(bob.AccessToken)},
				{ask: entity, want: `{"_entities":[{"username":"ada","email":"ada@example.com"},null]}`, as: servicetest.AsService},
				{ask: `{ me { email } }`, want: `{"me":{"email":"bob@example.com"}}`, as: bearer(bob.AccessToken)},
				{ask: `{ me { email } }`, want: `{"me":null}`},
				{ask: `mutation { updateUser(input: {id: "1", username: "mine"}) { ... on Error { code } } }`, want: `{"updateUser":{"code":"FORBIDDEN"}}`, as: bearer(bob.AccessToken)},
				{ask: `mutation { changePassword(input: {id: "1", newPassword: "long enough"}) { ... on Error { code } } }`, want: `{"changePassword":{"code":"FORBIDDEN"}}`, as: bearer(bob.AccessToken)},
				{ask: `mutation { setRoles(id: "2", roles: [ADMIN]) { ... on Error { code } } }`, want: `{"setRoles":{"code":"FORBIDDEN"}}`, as: bearer(bob.AccessToken)},
				{ask: `{ contacts(userIds: ["1", "77"]) { email } }`, want: `{"contacts":[{"email":"ada@example.com"},null]}`, as: servicetest.AsService},
			})
			for who, header := range map[string]func(http.Header){"ada": bearer(ada.AccessToken), "nobody": func(http.Header) {}} {
				answer := s.Do(t, `{ contacts(userIds: ["1"]) { email } }`, nil, header)
				if len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "FORBIDDEN" {
					t.Errorf("contacts for %s: got %s, errors %v", who, answer.Data, answer.Errors)
				}
			}
		})
	}
}

func TestLogInAcceptsOnlyTheRightPassword(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	signUp(t, s, "Ada")
	confirm(t, s, mailToken(t, s, "confirm-email", "Ada@example.com"))
	for _, login := range []string{"ada", "ADA", "Ada@Example.com"} {
		if got := logIn(t, s, login, "secret of Ada"); got.User.Email != "Ada@example.com" || got.AccessToken == "" {
			t.Errorf("log-in as %s: got %+v", login, got)
		}
	}
	for login, password := range map[string]string{"ada": "secret of ada", "nobody": "secret of Ada", "": ""} {
		if got := logIn(t, s, login, password); got.Code != "INVALID_CREDENTIALS" {
			t.Errorf("log-in as %q: got %+v", login, got)
		}
	}
	run(t, s, []step{
		{ask: `mutation { signUp(input: {username: "silent", email: "silent@example.com"}) { __typename } }`, want: `{"signUp":{"__typename":"UserPayload"}}`},
	})
	if got := logIn(t, s, "silent", ""); got.Code != "INVALID_CREDENTIALS" {
		t.Errorf("log-in without a password: got %+v", got)
	}
}

// Attempts are bounded for each name and client, whether or not the account
// exists, and also for concurrent attempts.
func TestGuessingBlocksTheClient(t *testing.T) {
	now := &clock{now: time.Now()}
	s := servicetest.Start(t, user.Run, enforced, with(now))
	signUp(t, s, "ada")
	for _, login := range []string{"ada", "nobody"} {
		var tried sync.Map
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() { tried.Store(i, logIn(t, s, login, fmt.Sprint("guess ", i)).Code) })
		}
		all.Wait()
		count := map[any]int{}
		tried.Range(func(_, code any) bool { count[code]++; return true })
		if count["INVALID_CREDENTIALS"] != 6 || count["TOO_MANY_ATTEMPTS"] != 24 {
			t.Errorf("guesses for %s: got %v", login, count)
		}
	}
	if got := logIn(t, s, "ada", "secret of ada"); got.Code != "TOO_MANY_ATTEMPTS" {
		t.Errorf("right password for a blocked name: got %+v", got)
	}
	now.pass(31 * time.Second)
	if got := logIn(t, s, "ada", "wrong"); got.Code != "INVALID_CREDENTIALS" {
		t.Errorf("wrong password after the wait: got %+v", got)
	}
	now.pass(31 * time.Second) // the wait has doubled
	if got := logIn(t, s, "ada", "secret of ada"); got.Code != "TOO_MANY_ATTEMPTS" {
		t.Errorf("before the end of the wait: got %+v", got)
	}
	now.pass(31 * time.Second)
	if got := logIn(t, s, "ada", "secret of ada"); got.AccessToken == "" {
		t.Errorf("right password after the wait: got %+v", got)
	}
}

func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	now := &clock{now: time.Now()}
	s := servicetest.Start(t, user.Run, enforced, with(now))
	first := signUp(t, s, "ada")
	me := func(session tokens, want string) {
		t.Helper()
		run(t, s, []step{{ask: `{ me { id } }`, want: want, as: bearer(session.AccessToken)}})
	}
	me(first, `{"me":{"id":"1"}}`)
	now.pass(16 * time.Minute)
	me(first, `{"me":null}`)
	second := refresh(t, s, first.RefreshToken)
	me(second, `{"me":{"id":"1"}}`)
	third := refresh(t, s, second.RefreshToken)
	if third.RefreshToken == "" {
		t.Fatalf("second refresh: got %+v", third)
	}

	other := logIn(t, s, "ada", "secret of ada")
	if got := refresh(t, s, first.RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("used refresh token: got %+v", got)
	}
	if got := refresh(t, s, third.RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("session of a reused token: got %+v", got)
	}
	other = refresh(t, s, other.RefreshToken)
	if other.RefreshToken == "" {
		t.Errorf("another session: got %+v", other)
	}
	run(t, s, []step{
		{ask: fmt.Sprintf(`mutation { logOut(refreshToken: %q) }`, other.RefreshToken), want: `{"logOut":true}`},
		{ask: fmt.Sprintf(`mutation { logOut(refreshToken: %q) }`, other.RefreshToken), want: `{"logOut":false}`},
		{ask: `mutation { logOut(refreshToken: "unknown") }`, want: `{"logOut":false}`},
	})
	if got := refresh(t, s, other.RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("after logging out: got %+v", got)
	}

	late := logIn(t, s, "ada", "secret of ada")
	now.pass(31 * 24 * time.Hour)
	if got := refresh(t, s, late.RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("expired session: got %+v", got)
	}
}

// If a refresh token is used concurrently, one call succeeds and the session
// ends.
func TestConcurrentRefreshSucceedsOnce(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	first := signUp(t, s, "ada")
	results := make(chan tokens, 8)
	for range cap(results) {
		go func() { results <- refresh(t, s, first.RefreshToken) }()
	}
	var won []tokens
	for range cap(results) {
		if got := <-results; got.RefreshToken != "" {
			won = append(won, got)
		}
	}
	if len(won) != 1 {
		t.Fatalf("got %d successful refreshes of one token, want 1", len(won))
	}
	if got := refresh(t, s, won[0].RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("ended session: got %+v", got)
	}
}

func TestChangePasswordRequiresTheCurrentOne(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced, func(env *server.Environment) {
		env.Lookup = func(key string) (string, bool) {
			if key == "ADMIN_PASSWORD" {
				return "rule the souk", true
			}
			return "", false
		}
	})
	admin := logIn(t, s, "admin", "rule the souk")
	ada := signUp(t, s, "ada")
	const fields = `{ __typename ... on Error { code } }`
	change := func(arguments string) string {
		return fmt.Sprintf(`mutation { changePassword(input: {id: %q, %s}) %s }`, ada.User.ID, arguments, fields)
	}
	own := bearer(ada.AccessToken)
	run(t, s, []step{
		{ask: change(`newPassword: "another secret"`), want: `{"changePassword":{"__typename":"InvalidCredentials","code":"INVALID_CREDENTIALS"}}`, as: own},
		{ask: change(`currentPassword: "secret of ada", newPassword: "short"`), want: `{"changePassword":{"__typename":"InvalidInput","code":"INVALID_INPUT"}}`, as: own},
		{ask: change(`currentPassword: "secret of ada", newPassword: "another secret"`), want: `{"changePassword":{"__typename":"UserPayload"}}`, as: own},
	})
	if got := refresh(t, s, ada.RefreshToken); got.Code != "INVALID_REFRESH_TOKEN" {
		t.Errorf("session after the change: got %+v", got)
	}
	if got := logIn(t, s, "ada", "secret of ada"); got.Code != "INVALID_CREDENTIALS" {
		t.Errorf("old password: got %+v", got)
	}
	run(t, s, []step{
		{ask: change(`newPassword: "the admin's choice"`), want: `{"changePassword":{"__typename":"UserPayload"}}`, as: bearer(admin.AccessToken)},
		{ask: change(`newPassword: "nobody's choice"`), want: `{"changePassword":{"__typename":"Forbidden","code":"FORBIDDEN"}}`},
	})
	if got := logIn(t, s, "ada", "the admin's choice"); got.AccessToken == "" {
		t.Errorf("new password: got %+v", got)
	}
}

func TestOnlyAdministratorsSetRoles(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced, func(env *server.Environment) {
		env.Lookup = func(key string) (string, bool) {
			v, ok := map[string]string{"ADMIN_USERNAME": "root", "ADMIN_PASSWORD": "rule the souk"}[key]
			return v, ok
		}
	})
	root := logIn(t, s, "root", "rule the souk")
	ada := signUp(t, s, "ada")
	as := bearer(root.AccessToken)
	run(t, s, []step{
		{ask: `mutation { setRoles(id: "1", roles: [CUSTOMER]) { ... on Error { message } } }`, want: `{"setRoles":{"message":"This is the last administrator. Appoint another one first."}}`, as: as},
		{ask: `mutation { setRoles(id: "1", roles: []) { ... on Error { code } } }`, want: `{"setRoles":{"code":"INVALID_INPUT"}}`, as: as},
		{ask: `mutation { setRoles(id: "2", roles: [ADMIN, CUSTOMER, ADMIN]) { ... on UserPayload { user { roles } } } }`, want: `{"setRoles":{"user":{"roles":["ADMIN","CUSTOMER"]}}}`, as: as},
		{ask: `{ user(id: "1") { email } }`, want: `{"user":null}`, as: bearer(ada.AccessToken)},
	})
	run(t, s, []step{{ask: `{ user(id: "1") { email } }`, want: `{"user":{"email":"admin@souk.example"}}`, as: bearer(refresh(t, s, ada.RefreshToken).AccessToken)}})
}

func TestUsersArePaged(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	for i := range 5 {
		signUp(t, s, fmt.Sprint("user", i))
	}
	type page struct {
		Users struct {
			Nodes    []struct{ ID string }
			PageInfo struct {
				HasNextPage, HasPreviousPage bool
				StartCursor, EndCursor       string
			}
			TotalCount int
		}
	}
	ask := func(arguments string) (ids string, p page) {
		t.Helper()
		data := s.Data(t, `{ users`+arguments+` { nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`, nil)
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			t.Fatal(err)
		}
		for _, node := range p.Users.Nodes {
			ids += node.ID
		}
		return ids, p
	}
	all, p := ask("")
	if all != "12345" || p.Users.TotalCount != 5 || p.Users.PageInfo.HasNextPage || p.Users.PageInfo.HasPreviousPage {
		t.Errorf("all: got %s, page info %+v", all, p)
	}
	var forward []string
	for arguments := "(first: 2)"; ; {
		ids, p := ask(arguments)
		forward = append(forward, ids)
		if !p.Users.PageInfo.HasNextPage {
			break
		}
		arguments = fmt.Sprintf("(first: 2, after: %q)", p.Users.PageInfo.EndCursor)
	}
	if got := strings.Join(forward, " "); got != "12 34 5" {
		t.Errorf("forward: got %s", got)
	}
	var back []string
	for arguments := "(last: 2)"; ; {
		ids, p := ask(arguments)
		back = append(back, ids)
		if !p.Users.PageInfo.HasPreviousPage {
			break
		}
		arguments = fmt.Sprintf("(last: 2, before: %q)", p.Users.PageInfo.StartCursor)
	}
	if got := strings.Join(back, " "); got != "45 23 1" {
		t.Errorf("backward: got %s", got)
	}
	for _, arguments := range []string{"(first: 101)", "(first: -1)", "(first: 1, last: 1)", `(after: "nonsense")`} {
		answer := s.Do(t, "{ users"+arguments+" { totalCount } }", nil)
		if len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
			t.Errorf("users%s: got %s, errors %v", arguments, answer.Data, answer.Errors)
		}
	}
}

// An _entities call takes one query, no matter how many users it contains.
func TestEntitiesTakeOneQuery(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	var representations []any
	for i := range 20 {
		signUp(t, s, fmt.Sprint("user", i))
		representations = append(representations, map[string]any{"__typename": "User", "id": fmt.Sprint(20 - i)})
	}
	pool, queries := s.CountingPool(t)
	h := handler.New(graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{Accounts: &account.Service{DB: pool}}}))
	h.AddTransport(transport.POST{})
	counted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(identity.With(r.Context(), identity.System())))
	}))
	t.Cleanup(counted.Close)
	s.URL = counted.URL
	answer := s.Data(t, `query($r: [_Any!]!) { _entities(representations: $r) { ... on User { username } } }`, map[string]any{"r": representations})
	if !strings.HasPrefix(answer, `{"_entities":[{"username":"user19"},{"username":"user18"}`) {
		t.Errorf("got entities %s", answer)
	}
	if n := queries.Load(); n != 1 {
		t.Errorf("20 users: got %d queries, want 1", n)
	}
}

// Tokens outlive the process, because the key is in the database.
func TestSigningKeysSurviveARestart(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced)
	ada := signUp(t, s, "ada")
	response, err := http.Get(s.URL + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(body, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("got JWKS %s, err %v", body, err)
	}
	if set.Keys[0]["d"] != nil || set.Keys[0]["kid"] == nil || set.Keys[0]["alg"] != "EdDSA" {
		t.Errorf("got JWKS %s", body)
	}
	if got := response.Header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("Cache-Control = %s", got)
	}
	s.Stop()
	again := servicetest.Start(t, user.Run, enforced, func(env *server.Environment) { env.DatabaseURL = s.DB.Config().ConnString() })
	run(t, again, []step{{ask: `{ me { username } }`, want: `{"me":{"username":"ada"}}`, as: bearer(ada.AccessToken)}})
}

func TestSeedCreatesUsersOnce(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	for range 2 { // the second run changes nothing
		if err := user.Seed(t.Context(), s.DB); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s, []step{{ask: `{ user(id: "1") { displayName } users { totalCount } }`, want: `{"user":{"displayName":"Ada Lovelace"},"users":{"totalCount":57}}`}})
	if got := logIn(t, s, "admin", "tutorial-admin"); got.AccessToken == "" {
		t.Errorf("sample administrator: got %+v", got)
	}
}

// Details of internal errors go to the log only.
func TestInternalErrorsAreNotShownToClients(t *testing.T) {
	s := servicetest.Start(t, user.Run)
	if _, err := s.DB.Exec(t.Context(), `alter table users rename to people`); err != nil {
		t.Fatal(err)
	}
	answer := s.Do(t, `{ user(id: "1") { id } }`, nil)
	if len(answer.Errors) != 1 || answer.Errors[0].Message != "Internal error of the service. Its log has the cause." ||
		answer.Errors[0].Extensions["code"] != "INTERNAL_SERVER_ERROR" || fmt.Sprint(answer.Errors[0].Path) != "[user]" {
		t.Errorf("got errors %+v", answer.Errors)
	}
	answer = s.Do(t, `{ nothing }`, nil)
	if len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("got errors %+v", answer.Errors)
	}
	if sdl := s.Data(t, `{ _service { sdl } }`, nil); !strings.Contains(sdl, "@key(fields") || strings.Contains(sdl, "directive @listSize") {
		t.Errorf("got SDL %s", sdl)
	}
}
