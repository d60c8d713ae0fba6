// Package redistest runs redis-server processes for tests: single servers, replicas,
// Redis Clusters and Sentinels. It skips a test if redis-server is not installed.
package redistest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"souk/internal/loopback/loopbacktest"
	"souk/router/internal/certtest"
)

// patience bounds each wait for a server. It is reached only if a server does not
// start.
const patience = 60 * time.Second

// A Server is a redis-server process.
type Server struct {
	// Addr is the address, as host:port.
	Addr string
	// Client is connected to this server only.
	Client *redis.Client

	t       testing.TB
	options Options
	args    []string
	process *exec.Cmd
	exited  chan struct{}
}

// Options change how a server is started.
type Options struct {
	// Args are additional arguments of redis-server.
	Args []string
	// Password is the password that clients need, if not empty.
	Password string
	// TLS, if not nil, makes the server accept only TLS, with these certificates.
	TLS *Certificates
	// Sentinel, if not empty, is the configuration of a Sentinel to run instead.
	Sentinel string
}

// Start starts a server and waits until it responds. The server stops with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Prepare(t, o)
	s.Restart()
	return s
}

// Prepare is like Start but does not run the server; Restart does.
func Prepare(t testing.TB, o Options) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed")
	}
	address := loopbacktest.Address(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, Addr: address, options: o}
	dir := t.TempDir()
	client := &redis.Options{Addr: address, Password: o.Password, MaxRetries: -1}
	if o.Sentinel != "" {
		file := filepath.Join(dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(o.Sentinel), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{file, "--sentinel"}
	}
	listen := []string{"--port", port}
	if o.TLS != nil {
		listen = []string{"--port", "0", "--tls-port", port, "--tls-cert-file", o.TLS.Cert, "--tls-key-file", o.TLS.Key, "--tls-ca-cert-file", o.TLS.CA, "--tls-auth-clients", "no"}
		own, err := tls.LoadX509KeyPair(o.TLS.Cert, o.TLS.Key)
		if err != nil {
			t.Fatal(err)
		}
		client.TLSConfig = &tls.Config{RootCAs: o.TLS.pool, Certificates: []tls.Certificate{own}}
	}
	s.args = append(append(s.args, listen...), "--bind", "127.0.0.1", "--dir", dir)
	if o.Sentinel == "" {
		s.args = append(s.args, "--save", "", "--appendonly", "no")
	}
	if o.Password != "" {
		s.args = append(s.args, "--requirepass", o.Password)
	}
	s.args = append(s.args, o.Args...)
	s.Client = redis.NewClient(client)
	t.Cleanup(func() {
		s.Kill()
		_ = s.Client.Close()
	})
	return s
}

// Restart runs a stopped server and waits until it responds.
func (s *Server) Restart() {
	s.t.Helper()
	process := exec.CommandContext(context.WithoutCancel(s.t.Context()), "redis-server", s.args...)
	var log strings.Builder
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	s.process, s.exited = process, exited
	go func() {
		_ = process.Wait()
		close(exited)
	}()
	s.await("the server responds", func(ctx context.Context) bool {
		select {
		case <-exited:
			s.t.Fatalf("redis-server exited: %s", &log)
		default:
		}
		return s.Client.Ping(ctx).Err() == nil
	})
}

// Kill kills the process, like a crash.
func (s *Server) Kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		<-s.exited
		s.process = nil
	}
}

func (s *Server) await(what string, holds func(context.Context) bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !holds(context.Background()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// do sends a command and fails the test if it fails.
func (s *Server) do(args ...any) {
	s.t.Helper()
	if err := s.Client.Do(context.Background(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
}

// StartReplica starts a replica of a server and waits until it has the data.
func StartReplica(t testing.TB, of *Server) *Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(of.Addr)
	s := Start(t, Options{Args: []string{"--replicaof", host + " " + port, "--repl-diskless-sync-delay", "0"}})
	s.await("the replica has its data", func(ctx context.Context) bool {
		return strings.Contains(s.Client.Info(ctx, "replication").Val(), "master_link_status:up")
	})
	return s
}

// StartCluster starts the nodes of a Redis Cluster, each with an equal share of the
// slots, and waits until all nodes see a complete cluster.
func StartCluster(t testing.TB, nodes int) []*Server {
	t.Helper()
	const slots = 16384
	var list []*Server
	for i := range nodes {
		_, busPort, _ := net.SplitHostPort(loopbacktest.Address(t))
		s := Start(t, Options{Args: []string{"--cluster-enabled", "yes", "--cluster-port", busPort, "--cluster-node-timeout", "5000"}})
		s.do("CLUSTER", "ADDSLOTSRANGE", i*slots/nodes, (i+1)*slots/nodes-1)
		if i > 0 {
			host, port, _ := net.SplitHostPort(list[0].Addr)
			firstBus := list[0].args[indexOf(list[0].args, "--cluster-port")+1]
			s.do("CLUSTER", "MEET", host, port, firstBus)
		}
		list = append(list, s)
	}
	for _, s := range list {
		s.await("the cluster is complete", func(ctx context.Context) bool {
			info := s.Client.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(nodes)+"\r") &&
				strings.Contains(info, "cluster_slots_assigned:"+strconv.Itoa(slots))
		})
	}
	return list
}

func indexOf(list []string, what string) int {
	for i, s := range list {
		if s == what {
			return i
		}
	}
	return -1
}

// StartSentinel starts a Sentinel with a quorum of one and waits until it knows the
// given number of replicas. It has the certificates of the primary, and knows its password.
func StartSentinel(t testing.TB, name string, primary *Server, replicas int) *Server {
	t.Helper()
	host, port, _ := net.SplitHostPort(primary.Addr)
	o := Options{TLS: primary.options.TLS, Sentinel: fmt.Sprintf(
		"sentinel monitor %[1]s %[2]s %[3]s 1\nsentinel down-after-milliseconds %[1]s 1000\nsentinel failover-timeout %[1]s 5000\n", name, host, port)}
	if o.TLS != nil {
		o.Sentinel += "tls-replication yes\n"
	}
	if password := primary.options.Password; password != "" {
		o.Sentinel += fmt.Sprintf("sentinel auth-pass %s %s\n", name, password)
	}
	s := Start(t, o)
	s.await("the Sentinel knows the replicas", func(ctx context.Context) bool {
		list, err := s.Client.Do(ctx, "SENTINEL", "REPLICAS", name).Slice()
		return err == nil && len(list) == replicas
	})
	return s
}

// Certificates are the paths of PEM files: a certificate authority, and a certificate
// for 127.0.0.1 signed by it with its key.
type Certificates struct {
	CA, Cert, Key string

	pool *x509.CertPool // of the authority
}

// NewCertificates creates certificates for one test.
func NewCertificates(t testing.TB) *Certificates {
	t.Helper()
	authority := certtest.New(t)
	own := authority.Issue(t, t.TempDir(), "redis")
	return &Certificates{CA: authority.File, Cert: own.Cert, Key: own.Key, pool: authority.Pool(t)}
}
