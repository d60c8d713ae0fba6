package account_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/pgserver/pgtest"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/user/account"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func database(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	migrations, err := fs.Sub(os.DirFS(".."), "migrations")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Migrate(t.Context(), pool, migrations, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return pool
}

func keyring(t *testing.T, db *pgxpool.Pool, private string, now func() time.Time) *account.Keyring {
	t.Helper()
	keys, err := account.NewKeyring(db, private, now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// checker returns an authenticator that verifies tokens with a keyring.
func checker(keys *account.Keyring, now func() time.Time) *identity.Authenticator {
	return &identity.Authenticator{Keys: keys, Now: now, Logger: slog.New(slog.DiscardHandler)}
}

func sign(t *testing.T, keys *account.Keyring, now time.Time) string {
	t.Helper()
	token, err := keys.Sign(t.Context(), account.Claims{Subject: "7", Roles: []string{account.Customer}, IssuedAt: now, ExpiresAt: now.Add(account.AccessTTL)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func holds(t *testing.T, a *identity.Authenticator, token string) bool {
	t.Helper()
	caller, err := a.Caller(t.Context(), map[string][]string{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Error(err)
	}
	return caller.UserID == "7"
}

func published(t *testing.T, keys *account.Keyring) int {
	t.Helper()
	set, err := keys.Public(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set.Len()
}

// A new key is published before it signs, and an old one stays published after
// it has signed. So a valid token never fails.
func TestTokensStayValidAcrossKeyRotation(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	db := database(t)
	replicas := []*account.Keyring{keyring(t, db, "", clock), keyring(t, db, "", clock), keyring(t, db, "", clock)}
	var all sync.WaitGroup
	for _, keys := range replicas {
		all.Go(func() {
			if err := keys.Rotate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	keys, other := replicas[0], replicas[1]
	if n := published(t, keys); n != 1 {
		t.Fatalf("three replicas created %d keys", n)
	}
	step := func(pass time.Duration, want int) {
		t.Helper()
		before := sign(t, keys, now)
		now = now.Add(pass)
		if err := keys.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := published(t, keys); n != want {
			t.Errorf("got %d published keys, want %d", n, want)
		}
		if pass < account.AccessTTL && !holds(t, checker(other, clock), before) {
			t.Error("a token of an earlier key is rejected")
		}
		if !holds(t, checker(other, clock), sign(t, keys, now)) {
			t.Error("a new token is rejected by another replica")
		}
	}
	step(10*time.Minute, 1)
	step(91*24*time.Hour, 2) // published
	step(59*time.Minute, 2)
	step(2*time.Minute, 2) // signs
	step(10*time.Minute, 2)
	step(25*time.Hour, 1) // the old key is removed
}

func TestConfiguredKeySignsForAllReplicas(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	db := database(t)
	first, second := keyring(t, db, text, time.Now), keyring(t, db, text, time.Now)
	if !holds(t, checker(second, time.Now), sign(t, first, time.Now())) {
		t.Error("the token of a configured key is not valid")
	}
	for _, wrong := range []string{"-----BEGIN NONSENSE-----", "{}", "secret", `{"kty":"oct","k":"AAAA"}`} {
		if _, err := account.NewKeyring(db, wrong, time.Now); err == nil {
			t.Errorf("%q is accepted as a private key", wrong)
		}
	}
}

func TestHashMatchesOnlyItsPassword(t *testing.T) {
	weak := account.NewHasher(account.Cost{Memory: 64, Time: 1, Threads: 1})
	strong := account.NewHasher(account.Cost{Memory: 128, Time: 1, Threads: 1})
	hash, err := weak.Hash(t.Context(), "open sesame")
	if err != nil {
		t.Fatal(err)
	}
	again, err := weak.Hash(t.Context(), "open sesame")
	if err != nil || again == hash {
		t.Errorf("equal passwords have equal hashes: err %v", err)
	}
	for _, c := range []struct {
		hasher         *account.Hasher
		hash, password string
		fits, outdated bool
	}{
		{hasher: weak, hash: hash, password: "open sesame", fits: true, outdated: false},
		{hasher: strong, hash: hash, password: "open sesame", fits: true, outdated: true},
		{hasher: strong, hash: hash, password: "Open Sesame", fits: false, outdated: false},
		{hasher: weak, hash: "", password: "", fits: false, outdated: false},
		{hasher: weak, hash: "", password: "open sesame", fits: false, outdated: false},
	} {
		fits, outdated, err := c.hasher.Check(t.Context(), c.hash, c.password)
		if err != nil || fits != c.fits || outdated != c.outdated {
			t.Errorf("%q with %q: got match %t, outdated %t, err %v", c.password, c.hash, fits, outdated, err)
		}
	}
	if _, _, err := weak.Check(t.Context(), "$2a$10$abc", "x"); err == nil {
		t.Error("a hash of another algorithm is accepted")
	}
}
