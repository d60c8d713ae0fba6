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
	// rotateAfter is how long a key signs.
	keyLifetime = 90 * 24 * time.Hour
	// announceKey is how long a new key is published before it signs, so that
	// everybody who checks tokens knows it by then.
	publishLead = time.Hour
	// keepKey is how long a key that no longer signs is published.
	retiredKeyRetention = 24 * time.Hour
	// reloadKeys is how old a keyring's view of the database may be.
	keyCacheTTL = time.Minute
)

// Keyring holds the keys that sign access tokens. They are kept in the
// database, so tokens stay good across restarts and replicas, and are replaced
// every 90 days; or one is given from outside and signs alone.
type Keyring struct {
	db     *pgxpool.Pool
	static jwk.Key // nil: the database's keys sign
	now    func() time.Time

	mu     sync.Mutex
	keys   []signingKey // the newest first
	loaded time.Time
}

type signingKey struct {
	key      jwk.Key // private
	activeAt time.Time
}

// Claims are what an access token says.
type Claims struct {
	Subject   string
	Roles     []string
	Session   string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// NewKeyring makes a keyring. The private key given, as PEM (PKCS #8) or JWK,
// signs if it is not empty: an Ed25519, RSA or EC key.
func NewKeyring(db *pgxpool.Pool, private string, now func() time.Time) (*Keyring, error) {
	k := &Keyring{db: db, now: now}
	if private == "" {
		return k, nil
	}
	key, err := jwk.ParseKey([]byte(private), jwk.WithPEM(private[0] == '-'))
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	if err := prepareKey(key); err != nil {
		return nil, err
	}
	k.static = key
	return k, nil
}

// complete gives a key the id and the algorithm it is published with.
func prepareKey(key jwk.Key) error {
	algorithms := map[string]jwa.SignatureAlgorithm{
		"OKP": jwa.EdDSA(), "RSA": jwa.RS256(), "EC": jwa.ES256(),
	}
	algorithm, ok := algorithms[key.KeyType().String()]
	if !ok {
		return fmt.Errorf("a %s key cannot sign tokens; give an Ed25519, RSA or EC P-256 key", key.KeyType())
	}
	if err := jwk.AssignKeyID(key); err != nil {
		return fmt.Errorf("naming a key: %w", err)
	}
	if err := key.Set(jwk.AlgorithmKey, algorithm); err != nil {
		return fmt.Errorf("completing a key: %w", err)
	}
	return key.Set(jwk.KeyUsageKey, jwk.ForSignature)
}

// Sign makes an access token.
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
		return "", fmt.Errorf("making an access token: %w", err)
	}
	algorithm, _ := key.Algorithm()
	signed, err := jwt.Sign(token, jwt.WithKey(algorithm, key))
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return string(signed), nil
}

// signer is the newest key that has been announced long enough.
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
	return nil, fmt.Errorf("none of %d signing keys is in use yet", len(keys))
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

// Public gives the keys to check tokens with, as a JWKS (RFC 7517).
func (k *Keyring) Public(ctx context.Context) (jwk.Set, error) {
	keys, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	set := jwk.NewSet()
	add := func(private jwk.Key) error {
		public, err := private.PublicKey()
		if err != nil {
			return fmt.Errorf("publishing a key: %w", err)
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

// load gives the database's keys, as they were a minute ago at most.
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

// Rotate makes a key if there is none or the newest one has signed for long,
// and takes away those that nobody needs. Replicas may call it at once.
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
			return insertKey(ctx, tx, now, now) // nobody to announce it to
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
		return fmt.Errorf("making a signing key: %w", err)
	}
	key, err := jwk.Import(private)
	if err != nil {
		return fmt.Errorf("making a signing key: %w", err)
	}
	if err := prepareKey(key); err != nil {
		return err
	}
	text, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("writing a signing key: %w", err)
	}
	id, _ := key.KeyID()
	_, err = tx.Exec(ctx, `insert into signing_keys (id, jwk, active_at, created_at) values ($1, $2, $3, $4)`, id, text, activeAt, now)
	if err != nil {
		return fmt.Errorf("keeping a signing key: %w", err)
	}
	return nil
}
