package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"souk/internal/memory"
	"souk/internal/redisurl"
	"souk/telemetry"
)

// The values of AuthMode.
const (
	// Tutorial grants callers without a token the rights of administrators.
	Tutorial = "tutorial"
	// Enforced grants callers without a token public rights only.
	Enforced = "enforced"
)

// Environment is the configuration of a service.
type Environment struct {
	Name string // such as product
	// Addr is the address to listen on, such as ":8080". Listener, if set, is
	// used instead.
	Addr     string
	Listener net.Listener
	// Middleware wraps everything that the service serves; nil for none.
	Middleware func(http.Handler) http.Handler

	DatabaseURL  string
	RedisURL     string
	AuthMode     string // Tutorial or Enforced
	ServiceToken string // shared by the services; may be empty if AuthMode is Tutorial: none is accepted
	// Services are the base URLs of the other services: "inventory" -> "http://inventory-service:8080".
	Services map[string]string

	// DrainDelay is how long the service keeps serving after the signal to
	// stop, so that load balancers notice. DrainTimeout bounds how long it
	// then waits for requests.
	DrainDelay   time.Duration
	DrainTimeout time.Duration

	// Lookup returns variables of a single service. It is never nil in a
	// Builder.
	Lookup func(key string) (string, bool)
	// Logger and Telemetry are created from OpenTelemetry's variables if nil.
	Logger    *slog.Logger
	Telemetry *telemetry.Telemetry
	Now       func() time.Time
	// Guard watches the memory of the process. If nil, the service sets the
	// soft memory limit and watches it itself.
	Guard *memory.Guard
}

// serviceNames are the services that others may call.
var serviceNames = []string{"user", "product", "inventory", "order", "notification"}

// EnvironmentFrom reads a service's configuration from variables, with a
// function such as os.LookupEnv. Its errors name the variable and say how to
// set it.
func EnvironmentFrom(name string, lookup func(string) (string, bool)) (Environment, error) {
	get := func(key, otherwise string) string {
		if v, ok := lookup(key); ok && v != "" {
			return v
		}
		return otherwise
	}
	env := Environment{
		Name:         name,
		DatabaseURL:  get("DATABASE_URL", ""),
		RedisURL:     get("REDIS_URL", "redis://redis-service:6379"),
		AuthMode:     get("AUTH_MODE", Enforced),
		ServiceToken: get("SERVICE_TOKEN", ""),
		Services:     map[string]string{},
		Lookup:       lookup,
	}
	port := get("PORT", "8080")
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return env, fmt.Errorf("PORT is %q; it must be a port number from 0 to 65535, such as 8080", port)
	}
	env.Addr = ":" + port
	for _, service := range serviceNames {
		key := strings.ToUpper(service) + "_SERVICE_URL"
		env.Services[service] = get(key, "http://"+service+"-service:8080")
	}
	var err error
	if env.DrainDelay, err = duration(get, "DRAIN_DELAY", "0s"); err != nil {
		return env, err
	}
	if env.DrainTimeout, err = duration(get, "DRAIN_TIMEOUT", "20s"); err != nil {
		return env, err
	}
	return env, env.validate()
}

func duration(get func(string, string) string, key, otherwise string) (time.Duration, error) {
	text := get(key, otherwise)
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s is %q; set it to a duration, such as 5s", key, text)
	}
	return d, nil
}

// validate checks the values. Its errors name the variables.
func (e *Environment) validate() error {
	if e.DatabaseURL == "" {
		return fmt.Errorf("DATABASE_URL is not set; set it to a database for the %s service, such as postgres://souk:secret@localhost:5432/%[1]s", e.Name)
	}
	if _, err := pgxpool.ParseConfig(e.DatabaseURL); err != nil {
		return fmt.Errorf("DATABASE_URL is invalid: %w; set it to a URL such as postgres://souk:secret@localhost:5432/%s", err, e.Name)
	}
	if _, err := redisurl.ParsePrimary(e.RedisURL); err != nil {
		return fmt.Errorf("REDIS_URL is invalid: %w; set it to a URL such as redis://localhost:6379", err)
	}
	if e.AuthMode != Tutorial && e.AuthMode != Enforced {
		return fmt.Errorf("AUTH_MODE is %q; set it to %s or %s", e.AuthMode, Tutorial, Enforced)
	}
	if e.AuthMode == Enforced && e.ServiceToken == "" {
		return errors.New("SERVICE_TOKEN is not set; set it to the secret that all services of the store share: without it, they refuse each other's requests")
	}
	for name, base := range e.Services {
		if u, err := url.Parse(base); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%s_SERVICE_URL is %q; set it to a base URL, such as http://%s-service:8080", strings.ToUpper(name), base, name)
		}
	}
	return nil
}

// setDefaults sets the defaults of missing values and checks the rest.
func (e *Environment) setDefaults() error {
	if e.Name == "" {
		return errors.New("server: the environment has no service name")
	}
	if e.Addr == "" {
		e.Addr = ":8080"
	}
	if e.AuthMode == "" {
		e.AuthMode = Enforced
	}
	if e.DrainTimeout == 0 {
		e.DrainTimeout = 20 * time.Second
	}
	if e.Lookup == nil {
		e.Lookup = func(string) (string, bool) { return "", false }
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	return e.validate()
}
