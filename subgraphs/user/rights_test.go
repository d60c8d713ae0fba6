package user_test

import (
	"fmt"
	"testing"

	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
	"souk/subgraphs/user"
)

// withAdmin lets the service create the administrator admin (user 1).
func withAdmin(env *server.Environment) {
	env.Lookup = func(key string) (string, bool) {
		if key == "ADMIN_PASSWORD" {
			return "rule the souk", true
		}
		return "", false
	}
}

// An access token is valid for 15 minutes, but it gives no rights that were
// taken from the user meanwhile, and none after the end of its session.
func TestOldTokensGiveNoRightsThatWereTaken(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced, withAdmin)
	admin, ada := logIn(t, s, "admin", "rule the souk"), signUp(t, s, "ada")
	setRoles := func(id, roles string) string {
		return fmt.Sprintf(`mutation { setRoles(id: %q, roles: [%s]) { __typename } }`, id, roles)
	}
	update := func(id string) string {
		return fmt.Sprintf(`mutation { updateUser(input: {id: %q, displayName: "Changed"}) { __typename } }`, id)
	}
	erase := func(id string) string {
		return fmt.Sprintf(`mutation { eraseUser(input: {id: %q, currentPassword: "secret of ada"}) { __typename } }`, id)
	}
	password := func(id string) string {
		return fmt.Sprintf(`mutation { changePassword(input: {id: %q, currentPassword: "secret of ada", newPassword: "another secret"}) { __typename } }`, id)
	}
	const allowed, refused = `"UserPayload"`, `"Forbidden"`
	result := func(mutation, typename string) string {
		return fmt.Sprintf(`{%q:{"__typename":%s}}`, mutation, typename)
	}
	run(t, s, []step{{ask: setRoles("2", "ADMIN, CUSTOMER"), as: bearer(admin.AccessToken), want: result("setRoles", allowed)}})
	asAda := bearer(refresh(t, s, ada.RefreshToken).AccessToken)
	run(t, s, []step{
		{ask: setRoles("2", "CUSTOMER, ADMIN"), as: asAda, want: result("setRoles", allowed)},
		{ask: `{ user(id: "1") { email } }`, as: asAda, want: `{"user":{"email":"admin@souk.example"}}`},
		{ask: setRoles("2", "CUSTOMER"), as: bearer(admin.AccessToken), want: result("setRoles", allowed)},
		{ask: setRoles("2", "ADMIN"), as: asAda, want: result("setRoles", refused)},
		{ask: update("1"), as: asAda, want: result("updateUser", refused)},
		{ask: password("1"), as: asAda, want: result("changePassword", refused)},
		{ask: erase("1"), as: asAda, want: result("eraseUser", refused)},
		{ask: update("2"), as: asAda, want: result("updateUser", allowed)}, // her own account
	})
	// A promotion needs a new token.
	run(t, s, []step{
		{ask: setRoles("2", "ADMIN"), as: bearer(admin.AccessToken), want: result("setRoles", allowed)},
		{ask: setRoles("2", "ADMIN"), as: bearer(ada.AccessToken), want: result("setRoles", refused)},
	})
	run(t, s, []step{
		{ask: fmt.Sprintf(`mutation { logOut(refreshToken: %q) }`, logIn(t, s, "ada", "secret of ada").RefreshToken), want: `{"logOut":true}`},
		{ask: update("2"), as: asAda, want: result("updateUser", allowed)}, // another session of hers ended
		{ask: fmt.Sprintf(`mutation { logOut(refreshToken: %q) }`, admin.RefreshToken), want: `{"logOut":true}`},
		{ask: setRoles("2", "CUSTOMER"), as: bearer(admin.AccessToken), want: result("setRoles", refused)},
		{ask: update("1"), as: bearer(admin.AccessToken), want: result("updateUser", refused)},
		{ask: `{ me { id } }`, as: bearer(admin.AccessToken), want: `{"me":null}`},
	})
}

// A stolen token of an administrator is not enough to take over their account.
func TestAdministratorsNeedTheirOwnPassword(t *testing.T) {
	s := servicetest.Start(t, user.Run, enforced, withAdmin)
	admin := bearer(logIn(t, s, "admin", "rule the souk").AccessToken)
	run(t, s, []step{
		{ask: `mutation { changePassword(input: {id: "1", newPassword: "taken over"}) { __typename } }`, as: admin, want: `{"changePassword":{"__typename":"InvalidCredentials"}}`},
		{ask: `mutation { eraseUser(input: {id: "1"}) { __typename } }`, as: admin, want: `{"eraseUser":{"__typename":"InvalidCredentials"}}`},
		{ask: `mutation { changePassword(input: {id: "1", currentPassword: "rule the souk", newPassword: "rule it on"}) { __typename } }`, as: admin, want: `{"changePassword":{"__typename":"UserPayload"}}`},
	})
}
