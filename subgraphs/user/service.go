package user

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"souk/subgraphs/internal/graphql"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/session"
	"souk/subgraphs/user/account"
	"souk/subgraphs/user/graph"
)

//go:embed migrations/*.sql
var migrations embed.FS

// cleanupInterval is how often old sessions are deleted and the signing keys
// are rotated if due.
const cleanupInterval = 10 * time.Minute

// Run runs the user service until ctx ends. In addition to the common
// variables, it reads JWT_PRIVATE_KEY (PEM or JWK; without it the service
// generates keys and stores them in its database) and, for the first
// administrator, ADMIN_USERNAME (default: admin), ADMIN_EMAIL (default:
// admin@souk.example) and ADMIN_PASSWORD.
func Run(ctx context.Context, env server.Environment) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	return server.Run(ctx, env, files, build)
}

func build(ctx context.Context, r server.Resources) (*server.Service, error) {
	private, _ := r.Lookup("JWT_PRIVATE_KEY")
	keys, err := account.NewKeyring(r.DB, private, r.Now)
	if err != nil {
		return nil, fmt.Errorf("JWT_PRIVATE_KEY is invalid: %w; set it to an Ed25519 key in PEM form, or unset it", err)
	}
	if err := keys.Rotate(ctx); err != nil {
		return nil, err
	}
	accounts := &account.Service{DB: r.DB, Hasher: account.NewHasher(account.DefaultCost), Keys: keys, Now: r.Now}
	if err := ensureFirstAdmin(ctx, r, accounts); err != nil {
		return nil, err
	}
	schema := graph.NewExecutableSchema(graph.Config{Resolvers: &graph.Resolver{Accounts: accounts}})
	mux := http.NewServeMux()
	mux.Handle("/graphql", graphql.New(r, schema, graphql.AuthenticatorWith(r, current(accounts), keys)))
	mux.HandleFunc("GET "+identity.JWKSPath, jwks(r, keys))
	return &server.Service{
		Handler: mux,
		Workers: []func(context.Context) error{cleanup(r, accounts)},
	}, nil
}

// ensureFirstAdmin creates the administrator that ADMIN_PASSWORD asks for,
// unless it exists.
func ensureFirstAdmin(ctx context.Context, r server.Resources, accounts *account.Service) error {
	get := func(key, otherwise string) string {
		if v, ok := r.Lookup(key); ok && v != "" {
			return v
		}
		return otherwise
	}
	password := get("ADMIN_PASSWORD", "")
	if password == "" {
		return nil
	}
	err := accounts.EnsureAdmin(ctx, account.Draft{
		Username: get("ADMIN_USERNAME", "admin"),
		Email:    get("ADMIN_EMAIL", "admin@souk.example"),
		Password: &password,
	})
	if errors.Is(err, account.ErrAdminNameTaken) {
		r.Logger.WarnContext(ctx, "did not create the first administrator; set ADMIN_USERNAME and ADMIN_EMAIL to unused values", "reason", err)
		return nil
	}
	return err
}

// current returns the check of callers: their rights are those in the database.
// A token says nothing of what happened since it was issued.
func current(accounts *account.Service) func(context.Context, identity.Caller, bool) (identity.Caller, error) {
	states := session.States(accounts.SessionStates)
	return func(ctx context.Context, c identity.Caller, _ bool) (identity.Caller, error) {
		return states.Current(ctx, c)
	}
}

// jwks serves the public keys that verify access tokens.
func jwks(r server.Resources, keys *account.Keyring) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		set, err := keys.Public(request.Context())
		if err != nil {
			r.Logger.ErrorContext(request.Context(), "could not load the signing keys", "error", err)
			http.Error(w, "The keys are temporarily unavailable. Try again later.", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_ = json.NewEncoder(w).Encode(set) // the client is gone if this fails
	}
}

// cleanup deletes expired rows and rotates signing keys periodically.
func cleanup(r server.Resources, accounts *account.Service) func(context.Context) error {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(cleanupInterval)
		defer ticker.Stop()
		for {
			if err := errors.Join(accounts.DeleteExpired(ctx), accounts.Keys.Rotate(ctx)); err != nil && ctx.Err() == nil {
				r.Logger.WarnContext(ctx, "could not clean up sessions or rotate signing keys; will retry", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}
}
