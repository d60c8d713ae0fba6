package pgserver

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"souk/internal/loopback"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
	superuser    = "postgres"
)

// Options configure Start.
type Options struct {
	// URL is the URL of a running server, with a user who may create
	// databases. If empty, Start runs a server.
	URL string
	// Dir is the data directory of a server that Start runs. It is created if
	// missing, and kept. If empty, the directory is temporary: Stop removes
	// it, and the server does not sync to disk.
	Dir string
	// Logger receives messages about the start; nil for none.
	Logger *slog.Logger
	// Ended is called if a server that Start ran ends without Stop or Crash;
	// nil for none.
	Ended func(error)
}

// A Server is a running PostgreSQL server.
type Server struct {
	base      *url.URL
	process   *exec.Cmd
	exited    chan struct{}
	temporary string
	ended     func(error)
	// expected is set before the process is stopped on purpose.
	expected atomic.Bool
}

// Start returns a server that accepts connections. The context bounds the
// start only; Stop stops a server that Start ran.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if opts.URL != "" {
		return connect(ctx, opts.URL)
	}
	bin, err := findBinaries(ctx, opts.Logger)
	if err != nil {
		return nil, err
	}
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	s := &Server{exited: make(chan struct{}), ended: opts.Ended}
	if err := s.run(ctx, bin, owner, opts); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	opts.Logger.DebugContext(ctx, "Postgres is running", "url", s.base.Redacted(), "binaries", bin)
	return s, nil
}

// URL returns the URL of the server's maintenance database.
func (s *Server) URL() string { return s.base.String() }

// Address returns the server's host and port.
func (s *Server) Address() string { return s.base.Host }

func connect(ctx context.Context, rawURL string) (*Server, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("%q is not a Postgres URL; use one such as postgres://user:password@localhost:5432/postgres", rawURL)
	}
	conn, err := pgx.Connect(ctx, rawURL)
	if err != nil {
		cause := strings.Join(strings.Fields(err.Error()), " ") // pgx's message has several lines
		return nil, fmt.Errorf("cannot connect to Postgres at %s; start it, or unset DATABASE_URL to start one automatically: %s", u.Redacted(), cause)
	}
	return &Server{base: u}, conn.Close(ctx)
}

// Database returns the URL of the named database, and creates it if missing.
func (s *Server) Database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, s.base.String())
	if err != nil {
		return "", fmt.Errorf("connecting to create database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && pgErr.Code == "42P04" { // duplicate_database
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("creating database %s: %w", name, err)
	}
	u := *s.base
	u.Path = "/" + name
	return u.String(), nil
}

// Stop stops a server that Start ran, after the statements in progress. A
// server that Start only connected to keeps running.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		s.expected.Store(true)
		_ = s.process.Process.Signal(os.Interrupt) // fast shutdown; an error means that it has ended
		select {
		case <-s.exited:
		case <-time.After(stopTimeout):
			err = errors.Join(fmt.Errorf("postgres did not stop within %s", stopTimeout), s.process.Process.Kill())
			<-s.exited
		}
		s.process = nil
	}
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
		s.temporary = ""
	}
	return err
}

func (s *Server) run(ctx context.Context, bin string, owner *owner, opts Options) error {
	dir, err := s.dataDir(opts, owner)
	if err != nil {
		return err
	}
	data, passwordFile := filepath.Join(dir, "data"), filepath.Join(dir, "password")
	password, err := initialize(ctx, bin, owner, data, passwordFile)
	if err != nil {
		return err
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	s.base = &url.URL{Scheme: "postgres", User: url.UserPassword(superuser, password), Host: "127.0.0.1:" + port, Path: "/postgres"}
	args := []string{"-D", data, "-h", "127.0.0.1", "-p", port, "-k", "", "-c", "max_connections=400"}
	if s.temporary != "" {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	log := new(tail)
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...) //nolint:noctx // ctx bounds the start, Stop ends it
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = data, log, log, owner.attributes()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	s.process = cmd
	go s.watch(cmd, s.exited, log)
	return s.awaitReady(ctx, dir, log)
}

// watch waits until the process ends and reports it if that was not on
// purpose.
func (s *Server) watch(cmd *exec.Cmd, exited chan<- struct{}, log *tail) {
	err := cmd.Wait()
	close(exited)
	if s.expected.Load() || s.ended == nil {
		return
	}
	lines := strings.Split(log.String(), "\n")
	s.ended(fmt.Errorf("postgres ended unexpectedly: %w: %s", cmp.Or(err, errors.New("exit status 0")), lines[len(lines)-1]))
}

func (s *Server) dataDir(opts Options, owner *owner) (string, error) {
	if opts.Dir == "" {
		dir, err := os.MkdirTemp("", "souk-postgres-")
		if err != nil {
			return "", fmt.Errorf("creating a data directory for Postgres: %w", err)
		}
		s.temporary = dir
		return dir, owner.take(dir)
	}
	dir, err := owner.reachable(opts.Dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("creating the data directory of Postgres: %w", err)
	}
	opts.Logger.Debug("Postgres stores its data", "dir", dir)
	return dir, owner.take(dir)
}

// initialize creates a database cluster in data if there is none, and returns
// the superuser's password.
func initialize(ctx context.Context, bin string, owner *owner, data, passwordFile string) (string, error) {
	version, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err == nil {
		return keptPassword(ctx, bin, data, passwordFile, strings.TrimSpace(string(version)))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the data directory of Postgres: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(passwordFile, []byte(password), 0o600); err != nil {
		return "", fmt.Errorf("storing the password of Postgres: %w", err)
	}
	if err := owner.take(passwordFile); err != nil {
		return "", err
	}
	// Postgres tells the letters of all languages by a locale of Unicode. Where the
	// system has none of these, it tells those of ASCII only.
	for i, letters := range characterTypes {
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", superuser,
			"-A", "scram-sha-256", "--pwfile", passwordFile, "--locale=C", "--lc-ctype="+letters, "-E", "UTF8", "--no-sync")
		cmd.Dir, cmd.SysProcAttr = filepath.Dir(data), owner.attributes()
		out, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		if i == len(characterTypes)-1 || !bytes.Contains(out, []byte("invalid locale name")) {
			return "", fmt.Errorf("initdb in %s: %w: %s", data, err, bytes.TrimSpace(out))
		}
	}
	return password, nil
}

// characterTypes are values of initdb's --lc-ctype, the best one first.
var characterTypes = [...]string{"C.UTF-8", "en_US.UTF-8", "C"}

func keptPassword(ctx context.Context, bin, data, passwordFile, version string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("reading the version of Postgres: %w", err)
	}
	if fields := strings.Fields(string(out)); len(fields) > 2 && fields[2] != version && !strings.HasPrefix(fields[2], version+".") {
		return "", fmt.Errorf("the data in %s needs Postgres %s, but the programs in %s are version %s; install the same version, or remove the directory to start from scratch", data, version, bin, fields[2])
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return "", fmt.Errorf("reading the password of Postgres: %w", err)
	}
	return string(password), nil
}

func (s *Server) awaitReady(ctx context.Context, dir string, log *tail) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.base.String())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.exited:
			if strings.Contains(log.String(), "postmaster.pid") {
				return fmt.Errorf("another Postgres already uses %s; stop the other souk dev first", dir)
			}
			return fmt.Errorf("postgres ended while starting: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("postgres does not accept connections: %w: %s", err, log)
		case <-tick.C:
		}
	}
}

func freePort(ctx context.Context) (string, error) {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return "", fmt.Errorf("finding a port for Postgres: %w", err)
	}
	_, port, err := net.SplitHostPort(address)
	return port, err
}
