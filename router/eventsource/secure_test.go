package eventsource_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"souk/router/gateway/config"
	"souk/router/internal/certtest"
	"souk/router/internal/redistest"
)

const changedOrder = `subscription { orderChanged(id: 1) { total status } }`

// A secured is a broker that needs TLS with a client certificate of an authority.
type secured struct {
	provider config.EventProvider
	first    string // header for events from the start
	publish  func(event string)
}

// securedBrokers start brokers with a server certificate of one authority. They accept client
// certificates of another.
var securedBrokers = map[string]func(t *testing.T, own, clients *certtest.Authority) secured{
	"nats": func(t *testing.T, own, clients *certtest.Authority) secured {
		accepts, client := mutualTLS(t, own, clients)
		broker := startNATSWith(t, &server.Options{Port: -1, StoreDir: t.TempDir(), Username: "souk", Password: "secret", TLSConfig: accepts, TLSTimeout: 60})
		js := connect(t, broker, nats.Secure(client))
		createOrders(t, js)
		return secured{provider: natsProvider(broker.ClientURL()), first: fromSequence("0"), publish: func(event string) { publish(t, js, "orders.1", event) }}
	},
	"kafka": func(t *testing.T, own, clients *certtest.Authority) secured {
		accepts, client := mutualTLS(t, own, clients)
		k := startKafkaWith(t, []kfake.Opt{kfake.SeedTopics(1, "orders.1"), kfake.TLS(accepts)}, kgo.DialTLSConfig(client))
		return secured{provider: k.provider(), first: "Last-Event-ID: 0:0", publish: func(event string) { k.produce("orders.1", 0, event) }}
	},
}

func createOrders(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.*"}}); err != nil {
		t.Fatal(err)
	}
}

// mutualTLS returns the configurations of a server and of a client that it accepts.
func mutualTLS(t *testing.T, own, clients *certtest.Authority) (accepts, client *tls.Config) {
	t.Helper()
	pair := func(of *certtest.Authority) []tls.Certificate {
		files := of.Issue(t, t.TempDir(), "souk")
		c, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	return &tls.Config{Certificates: pair(own), ClientCAs: clients.Pool(t), ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: pair(clients), RootCAs: own.Pool(t)}
}

// report returns the state of the broker, with details.
func (s *shop) report(t *testing.T) string {
	w := httptest.NewRecorder()
	s.router.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	return w.Body.String()
}

// receives waits until a subscription gets an event. Each attempt opens one.
func (s *shop) receives(t *testing.T, from, data string) {
	t.Helper()
	eventually(t, "a subscription gets an event", func() bool {
		sub := s.subscribe(t, changedOrder, from)
		defer sub.body.Close()
		return sub.next().data == data
	})
}

// A broker that does not accept the client certificate is reported. With a renewed certificate in
// the same files, the router connects.
func TestBrokersOverTLSWithRenewedCertificates(t *testing.T) {
	for kind, start := range securedBrokers {
		t.Run(kind, func(t *testing.T) {
			own, clients := certtest.New(t), certtest.New(t)
			broker := start(t, own, clients)
			dir := t.TempDir()
			files := own.Issue(t, dir, "expired")
			secure := config.BrokerTLS{CAFile: own.File, CertFile: files.Cert, KeyFile: files.Key}
			broker.provider.NATS.TLS, broker.provider.Kafka.TLS = secure, secure
			s := open(t, options{provider: broker.provider, configure: func(c *config.Config) { c.EventSources.ConnectTimeout = time.Second }})
			broker.publish(`{"id":"1","total":1}`)
			if m := s.subscribe(t, changedOrder, broker.first).next(); !strings.Contains(m.data, "SUBREQUEST_") {
				t.Errorf("with another certificate: got %+v", m)
			}
			eventually(t, "the broker is down", func() bool {
				return strings.Contains(s.report(t), `"name":"event_source/shop","status":"DOWN"`)
			})
			clients.Issue(t, dir, "renewed")
			s.receives(t, broker.first, `{"data":{"orderChanged":{"total":1,"status":"PAID"}}}`)
			if report := s.report(t); !strings.Contains(report, `"name":"event_source/shop","status":"UP"`) {
				t.Errorf("got %s", report)
			}
		})
	}
}

// The router authenticates itself to Kafka by each mechanism. A wrong password is an error that
// clients see nothing of.
func TestKafkaSASL(t *testing.T) {
	for mechanism, client := range map[string]sasl.Mechanism{
		"PLAIN":         plain.Auth{User: "souk", Pass: "secret"}.AsMechanism(),
		"SCRAM-SHA-256": scram.Auth{User: "souk", Pass: "secret"}.AsSha256Mechanism(),
		"SCRAM-SHA-512": scram.Auth{User: "souk", Pass: "secret"}.AsSha512Mechanism(),
	} {
		t.Run(mechanism, func(t *testing.T) {
			k := startKafkaWith(t, []kfake.Opt{kfake.SeedTopics(1, "orders.1"), kfake.EnableSASL(), kfake.Superuser(mechanism, "souk", "secret")}, kgo.SASL(client))
			k.produce("orders.1", 0, `{"id":"1","total":1}`)
			provider := k.provider()
			provider.Kafka.SASL = config.KafkaSASL{Mechanism: mechanism, Username: "souk", Password: "secret"}
			sub := open(t, options{provider: provider}).subscribe(t, changedOrder, "Last-Event-ID: 0:0")
			sub.expect(`{"data":{"orderChanged":{"total":1,"status":"PAID"}}}`)
			provider.Kafka.SASL.Password = "wr0ng"
			wrong := open(t, options{provider: provider, configure: func(c *config.Config) { c.EventSources.ConnectTimeout = time.Second }})
			if m := wrong.subscribe(t, changedOrder, "Last-Event-ID: 0:0").next(); !strings.Contains(m.data, "SUBREQUEST_") || strings.Contains(m.data, "wr0ng") {
				t.Errorf("with a wrong password: got %+v", m)
			}
		})
	}
}

// A credentials file authenticates the router to a NATS with accounts. A router whose credentials
// are refused connects once the file has others.
func TestNATSCredentials(t *testing.T) {
	o, issue := natsAccounts(t)
	broker := startNATSWith(t, o)
	valid := filepath.Join(t.TempDir(), "valid.creds")
	write := func(file string, expires time.Time) {
		if err := os.WriteFile(file, issue(expires), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(valid, time.Time{})
	conn, err := nats.Connect(broker.ClientURL(), nats.UserCredentials(valid))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	createOrders(t, js)
	publish(t, js, "orders.1", `{"id":"1","total":1}`)

	file := filepath.Join(t.TempDir(), "souk.creds")
	write(file, time.Now().Add(-time.Hour))
	s := open(t, options{provider: config.EventProvider{Kind: "nats", NATS: config.NATSEvents{URLs: []string{broker.ClientURL()}, CredentialsFile: file}}, configure: func(c *config.Config) {
		c.EventSources.ConnectTimeout = time.Second
	}})
	// The library gives up after the second refusal, unless it is told not to.
	for range 3 {
		if m := s.subscribe(t, changedOrder, fromSequence("0")).next(); !strings.Contains(m.data, "SUBREQUEST_") {
			t.Fatalf("with expired credentials: got %+v", m)
		}
	}
	write(file, time.Time{})
	s.receives(t, fromSequence("0"), `{"data":{"orderChanged":{"total":1,"status":"PAID"}}}`)
}

// natsAccounts returns the options of a server with an account that has JetStream, and a function
// that issues credentials of a user.
func natsAccounts(t *testing.T) (o *server.Options, issue func(expires time.Time) []byte) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		pair, err := create()
		must(err)
		public, err := pair.PublicKey()
		must(err)
		return pair, public
	}
	operator, operatorID := key(nkeys.CreateOperator)
	account, accountID := key(nkeys.CreateAccount)
	_, systemID := key(nkeys.CreateAccount)
	trusted := jwt.NewOperatorClaims(operatorID)
	trusted.SystemAccount = systemID
	_, err := trusted.Encode(operator)
	must(err)
	resolver := &server.MemAccResolver{}
	for _, id := range []string{accountID, systemID} {
		claims := jwt.NewAccountClaims(id)
		if id == accountID {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		}
		encoded, err := claims.Encode(operator)
		must(err)
		must(resolver.Store(id, encoded))
	}
	return &server.Options{Port: -1, StoreDir: t.TempDir(), TrustedOperators: []*jwt.OperatorClaims{trusted}, AccountResolver: resolver, SystemAccount: systemID}, func(expires time.Time) []byte {
		user, userID := key(nkeys.CreateUser)
		claims := jwt.NewUserClaims(userID)
		if !expires.IsZero() {
			claims.Expires = expires.Unix()
		}
		encoded, err := claims.Encode(account)
		must(err)
		seed, err := user.Seed()
		must(err)
		file, err := jwt.FormatUserConfig(encoded, seed)
		must(err)
		return file
	}
}

// Redis Streams are read over TLS with a client certificate, by a user with few rights, from the
// primary that a Sentinel names.
func TestRedisStreamsOverTLSThroughASentinel(t *testing.T) {
	certificates := redistest.NewCertificates(t)
	primary := redistest.Start(t, redistest.Options{TLS: certificates, Password: "admin", Args: []string{"--tls-auth-clients", "yes"}})
	acl := []any{"ACL", "SETUSER", "events", "on", ">secret", "~orders*"}
	for _, right := range strings.Fields("+@connection +xread +xrange +xrevrange +xinfo +multi +exec") { // as docs/subscriptions.md says
		acl = append(acl, right)
	}
	if err := primary.Client.Do(t.Context(), acl...).Err(); err != nil {
		t.Fatal(err)
	}
	sentinel := redistest.StartSentinel(t, "store", primary, 0)
	s := open(t, options{provider: config.EventProvider{Kind: "redis", Redis: config.Redis{
		MasterName: "store", Addresses: []string{sentinel.Addr}, Username: "events", Password: "secret",
		TLS: config.RedisTLS{CAFile: certificates.CA, CertFile: certificates.Cert, KeyFile: certificates.Key},
	}}})
	add := func(total int) {
		if err := primary.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: "orders.1", Values: []string{"data", fmt.Sprintf(`{"id":"1","total":%d}`, total)}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	add(1)
	sub := s.subscribe(t, changedOrder, fromStart)
	for total := 1; total <= 3; total++ {
		sub.expect(fmt.Sprintf(`{"data":{"orderChanged":{"total":%d,"status":"PAID"}}}`, total))
		add(total + 1)
	}
}
