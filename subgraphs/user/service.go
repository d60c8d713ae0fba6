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
	"souk/subgraphs/user/account"
	"souk/subgraphs/user/graph"
)

//go:embed migrations/*.sql
var migrations embed.FS

// tidyEvery is how often old sessions are deleted and the signing keys looked
// after.
const cleanupInterval = 10 * time.Minute

// Run runs the user service until ctx ends. Besides what every service reads,
// its environment has JWT_PRIVATE_KEY (PEM or JWK; without it the service makes
// keys and keeps them in its database) and, for the first administrator,
// ADMIN_USERNAME (admin), ADMIN_EMAIL (admin@souk.example) and ADMIN_PASSWORD.
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
		return nil, fmt.Errorf("JWT_PRIVATE_KEY cannot be used: %w; give an Ed25519 key as PEM, or leave it out", err)
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
	mux.Handle("/graphql", graphql.New(r, schema, graphql.AuthenticatorWith(r, keys)))
	mux.HandleFunc("GET "+identity.JWKSPath, jwks(r, keys))
	return &server.Service{
		Handler: mux,
		Workers: []func(context.Context) error{cleanup(r, accounts)},
	}, nil
}

// firstAdmin makes the account ADMIN_PASSWORD asks for.
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
		r.Logger.WarnContext(ctx, "no administrator was made; set ADMIN_USERNAME and ADMIN_EMAIL to others", "reason", err)
		return nil
	}
	return err
}

// jwks publishes the keys to check tokens with.
func jwks(r server.Resources, keys *account.Keyring) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		set, err := keys.Public(request.Context())
		if err != nil {
			r.Logger.ErrorContext(request.Context(), "publishing the signing keys", "error", err)
			http.Error(w, "the keys are out of reach for now", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_ = json.NewEncoder(w).Encode(set) // the client is gone if this fails
	}
}

// tidy looks after the tables from time to time.
func cleanup(r server.Resources, accounts *account.Service) func(context.Context) error {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(cleanupInterval)
		defer ticker.Stop()
		for {
			if err := errors.Join(accounts.DeleteExpired(ctx), accounts.Keys.Rotate(ctx)); err != nil && ctx.Err() == nil {
				r.Logger.WarnContext(ctx, "tidying the accounts", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}
}
