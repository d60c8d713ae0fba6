package account

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/jwks"
	"souk/subgraphs/internal/identity"
)

const (
	// keyLifetime is how long a key signs tokens.
	keyLifetime = 90 * 24 * time.Hour
	// publishLead is how long a new key is published before it signs, so that
	// all verifiers have fetched it by then.
	publishLead = time.Hour
	// retiredKeyRetention is how long a key stays published after it stopped
	// signing. It exceeds AccessTTL.
	retiredKeyRetention = 24 * time.Hour
	// keyCacheTTL is how long a Keyring caches the keys in the database.
	keyCacheTTL = time.Minute
)

// Keyring holds the keys that sign access tokens. By default they are in the
// database, so that tokens stay valid across restarts and replicas, and rotate
// every 90 days. A key from the configuration replaces them.
type Keyring struct {
	db     *pgxpool.Pool
	static jwk.Key // the configured key; nil to use the keys in the database
	now    func() time.Time

	mu     sync.Mutex
	keys   []signingKey // newest first
	loaded time.Time
}

type signingKey struct {
	key      jwk.Key // private
	activeAt time.Time
}

// Claims are the claims of an access token.
type Claims struct {
	Subject   string
	Roles     []string
	Session   string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// NewKeyring returns a keyring. If private is not empty, it is the key that
// signs: an Ed25519, RSA or EC P-256 key, as PEM (PKCS #8) or JWK.
func NewKeyring(db *pgxpool.Pool, private string, now func() time.Time) (*Keyring, error) {
	k := &Keyring{db: db, now: now}
	if private == "" {
		return k, nil
	}
	key, err := jwk.ParseKey([]byte(private), jwk.WithPEM(private[0] == '-'))
	if err != nil {
		return nil, fmt.Errorf("parsing the private key: %w", err)
	}
	if err := prepareKey(key); err != nil {
		return nil, err
	}
	k.static = key
	return k, nil
}

// prepareKey sets a key's ID, algorithm and use.
func prepareKey(key jwk.Key) error {
	algorithms := map[string]jwa.SignatureAlgorithm{
		"OKP": jwa.EdDSA(), "RSA": jwa.RS256(), "EC": jwa.ES256(),
	}
	algorithm, ok := algorithms[key.KeyType().String()]
	if !ok {
		return fmt.Errorf("a %s key cannot sign tokens; give an Ed25519, RSA or EC P-256 key", key.KeyType())
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return fmt.Errorf("assigning a key ID: %w", err)
	}
	if err := key.Set(jwk.AlgorithmKey, algorithm); err != nil {
		return fmt.Errorf("setting a key's algorithm: %w", err)
	}
	return key.Set(jwk.KeyUsageKey, jwk.ForSignature)
}

// Sign returns a signed access token.
func (k *Keyring) Sign(ctx context.Context, c Claims) (string, error) {
	key, err := k.signer(ctx)
	if err != nil {
		return "", err
	}
	token, err := jwt.NewBuilder().
		Issuer(identity.Issuer).Audience([]string{identity.Issuer}).
		Subject(c.Subject).IssuedAt(c.IssuedAt).Expiration(c.ExpiresAt).
		Claim(identity.RolesClaim, c.Roles).Claim(identity.SessionClaim, c.Session).Build()
	if err != nil {
		return "", fmt.Errorf("building an access token: %w", err)
	}
	algorithm, _ := key.Algorithm()
	signed, err := jwt.Sign(token, jwt.WithKey(algorithm, key))
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return string(signed), nil
}

// signer returns the newest key that is active.
func (k *Keyring) signer(ctx context.Context) (jwk.Key, error) {
	if k.static != nil {
		return k.static, nil
	}
	keys, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	now := k.now()
	for _, s := range keys {
		if !s.activeAt.After(now) {
			return s.key, nil
		}
	}
	return nil, fmt.Errorf("none of the %d signing keys is active yet", len(keys))
}

// Keys implements jwks.Source.
func (k *Keyring) Keys(ctx context.Context, id string, algorithm jwa.SignatureAlgorithm) ([]jwk.Key, error) {
	set, err := k.Public(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jwks.ErrUnavailable, err)
	}
	keys := jwks.Match(set, id, algorithm)
	if len(keys) == 0 {
		return nil, jwks.ErrUnknownKey
	}
	return keys, nil
}

// Public returns the public keys that verify tokens, as a JWK set (RFC 7517).
func (k *Keyring) Public(ctx context.Context) (jwk.Set, error) {
	keys, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	set := jwk.NewSet()
	add := func(private jwk.Key) error {
		public, err := private.PublicKey()
		if err != nil {
			return fmt.Errorf("deriving a public key: %w", err)
		}
		return set.AddKey(public)
	}
	if k.static != nil {
		if err := add(k.static); err != nil {
			return nil, err
		}
	}
	for _, s := range keys {
		if err := add(s.key); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// load returns the keys in the database, cached for keyCacheTTL.
func (k *Keyring) load(ctx context.Context) ([]signingKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if !k.loaded.IsZero() && now.Sub(k.loaded) < keyCacheTTL {
		return k.keys, nil
	}
	rows, err := k.db.Query(ctx, `select jwk, active_at from signing_keys order by active_at desc`)
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s signingKey, err error) {
		var text json.RawMessage
		if err := row.Scan(&text, &s.activeAt); err != nil {
			return s, err
		}
		s.key, err = jwk.ParseKey(text)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	k.keys, k.loaded = keys, now
	return keys, nil
}

// Rotate generates a key if none exists, or if the newest one is older than
// keyLifetime. It deletes keys that no valid token needs. Replicas may call it
// concurrently.
func (k *Keyring) Rotate(ctx context.Context) error {
	if k.static != nil {
		return nil
	}
	err := pgx.BeginFunc(ctx, k.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, lockKeys); err != nil {
			return fmt.Errorf("locking the signing keys: %w", err)
		}
		var newest *time.Time
		if err := tx.QueryRow(ctx, `select max(active_at) from signing_keys`).Scan(&newest); err != nil {
			return fmt.Errorf("reading the signing keys: %w", err)
		}
		now := k.now()
		switch {
		case newest == nil:
			return insertKey(ctx, tx, now, now) // the first key: no verifier has an older key set
		case now.Sub(*newest) > keyLifetime:
			return insertKey(ctx, tx, now, now.Add(publishLead))
		}
		// A key stopped signing when the next one became active.
		_, err := tx.Exec(ctx, `
			delete from signing_keys old where exists (
				select from signing_keys next where next.active_at > old.active_at and next.active_at < $1)`, now.Add(-retiredKeyRetention))
		if err != nil {
			return fmt.Errorf("deleting old signing keys: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loaded = time.Time{}
	return nil
}

func insertKey(ctx context.Context, tx pgx.Tx, now, activeAt time.Time) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("generating a signing key: %w", err)
	}
	key, err := jwk.Import(private)
	if err != nil {
		return fmt.Errorf("generating a signing key: %w", err)
	}
	if err := prepareKey(key); err != nil {
		return err
	}
	text, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding a signing key: %w", err)
	}
	id, _ := key.KeyID()
	_, err = tx.Exec(ctx, `insert into signing_keys (id, jwk, active_at, created_at) values ($1, $2, $3, $4)`, id, text, activeAt, now)
	if err != nil {
		return fmt.Errorf("storing a signing key: %w", err)
	}
	return nil
}
