package faults

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"souk/schema"
	"souk/subgraphs"
)

// ordersFail is how many scrapes it takes until enough orders have failed.
const ordersFail = 30

func faults() []fault {
	all := []fault{following()}
	for _, service := range subgraphs.Names() {
		all = append(all, failing(service), gone(service))
	}
	return append(all, noRedis, noPostgres("product", true), noPostgres("user", false), noProvider, noMail, mistakes, refusingSubgraph, refusingRouter, lockedPostgres, slowPostgres, stuckOutbox, deadLetter, refusedSupergraph, expiringCertificate, hotProduct, poisonedCache,
		responds(503, "GatewayErrors"), responds(403, "GatewayRefuses"), noMesh("istio-ingressgateway", "GatewayAway"), noMesh("istiod", "IstiodAway"),
		stuckConsumer, fullCache, fullRedis)
}

// failing makes each statement of a service fail. The service responds with status 200, data
// that is null, and errors.
func failing(service string) fault {
	f := fault{
		name: service + " returns errors",
		breaks: func(s *store) func() {
			s.sql(service, `alter schema public rename to hidden`)
			return func() { s.sql(service, `alter schema hidden rename to public`) }
		},
		alerts: []string{"UnansweredFastBurn"},
	}
	if service == "inventory" {
		f.each = func(s *store) {
			for range 2 {
				s.visitUntil("an order is rejected", s.rejected)
			}
		}
		f.alerts, f.turns = append(f.alerts, "OrdersFail"), ordersFail
	}
	return f
}

// hanging makes a service accept requests of the router and never respond.
func hanging(service string) fault {
	return fault{
		name:   service + " hangs",
		breaks: func(s *store) func() { s.proxies[service].hang(); return s.proxies[service].pass },
		each:   func(s *store) { s.visitUntil("the breaker refuses a request", s.refused(service)) },
		alerts: []string{"SubgraphBreakerOpen " + service + "-service", "UnansweredFastBurn"},
	}
}

func gone(service string) fault {
	f := fault{
		name: service + " is gone",
		breaks: func(s *store) func() {
			if err := s.StopService(service); err != nil {
				s.t.Fatal(err)
			}
			return func() {
				if err := s.StartService(context.Background(), service); err != nil {
					s.t.Fatal(err)
				}
			}
		},
		each: func(s *store) { s.visitUntil("the breaker refuses a request", s.refused(service)) },
		// Alertmanager mutes SubgraphBreakerOpen while TargetDown fires.
		alerts: []string{"SubgraphBreakerOpen " + service + "-service", "TargetDown " + service + "-service", "UnansweredFastBurn"},
	}
	switch service {
	case "product", "user": // an order is refused before it is recorded
		f.alerts, f.turns = append(f.alerts, "OrdersFail"), ordersFail
	case "inventory":
		f.each = func(s *store) {
			s.visitUntil("the breaker refuses a request and an order is rejected", s.refused(service), s.rejected)
			s.visitUntil("another order is rejected", s.rejected)
		}
		f.alerts, f.turns = append(f.alerts, "OrdersFail"), ordersFail
	}
	return f
}

var noRedis = fault{
	name: "Redis is gone",
	breaks: func(s *store) func() {
		s.redis.kill()
		s.visit()
		for _, service := range []string{"order", "inventory"} {
			s.ageOutbox(service)
		}
		return s.redis.start
	},
	// Alertmanager mutes OutboxStuck of a service that says that Redis is away.
	alerts: []string{
		"EntityCacheAway", "OutboxStuck inventory-service", "OutboxStuck order-service", "TargetDown redis",
		"RedisAway inventory-service", "RedisAway notification-service", "RedisAway order-service", "RedisAway product-service", "RedisAway user-service",
	},
}

// noPostgres takes the database of a service away. It may have no pod, and so no exporter.
func noPostgres(service string, pod bool) fault {
	alter := func(s *store, allow bool) {
		name := pgx.Identifier{s.database(service)}.Sanitize()
		s.sql("order", fmt.Sprintf(`alter database %s allow_connections %v`, name, allow))
	}
	f := fault{
		name: "Postgres of " + service + " is gone",
		breaks: func(s *store) func() {
			if !pod {
				s.absent = []string{service + "-postgres"}
			}
			alter(s, false)
			s.sql("order", `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, s.database(service))
			s.metric(service, "the service has noticed", func(text string) bool { return value(text, "souk_postgres_up") == 0 })
			return func() {
				s.absent = nil
				alter(s, true)
				s.metric(service, "the service has noticed", func(text string) bool { return value(text, "souk_postgres_up") == 1 })
			}
		},
		alerts: []string{"PostgresAway " + service + "-service", "UnansweredFastBurn"},
	}
	if pod {
		f.alerts = append(f.alerts, "TargetDown "+service+"-postgres")
	} else {
		f.name += ", and has no pod"
	}
	return f
}

// noProvider stops the payment provider, which has no metrics.
var noProvider = fault{
	name: "the payment provider is gone",
	breaks: func(s *store) func() {
		if err := s.StopPayment(); err != nil {
			s.t.Fatal(err)
		}
		return func() {
			if err := s.StartPayment(context.Background()); err != nil {
				s.t.Fatal(err)
			}
		}
	},
	turns:  ordersFail,
	alerts: []string{"OrdersFail", "PeerAway order-service"},
}

// noMail stops the mail relay. A turn ends when another attempt has failed.
var noMail = fault{
	name: "the mail relay is gone",
	breaks: func(s *store) func() {
		if err := s.StopInbox(); err != nil {
			s.t.Fatal(err)
		}
		return func() {
			if err := s.StartInbox(context.Background()); err != nil {
				s.t.Fatal(err)
			}
		}
	},
	each: func(s *store) {
		s.visitUntil("an attempt fails", func() float64 {
			return value(s.metrics("notification"), `souk_message_attempts_total{channel="email",result="failed"}`)
		})
	},
	turns:  ordersFail,
	alerts: []string{"MessagesFail email"},
}

// refusingSubgraph responds UNAUTHENTICATED to everybody.
var refusingSubgraph = fault{
	name: "a subgraph refuses everybody",
	breaks: func(s *store) func() {
		s.proxies["order"].refusing.Store(true)
		return func() { s.proxies["order"].refusing.Store(false) }
	},
	each: func(s *store) {
		s.visit()
		for range 5 {
			s.ask(list, nil)
		}
	},
	turns:  30,
	alerts: []string{"SubgraphRefuses order-service"},
}

// refusingRouter has a router whose supergraph or keys make it refuse nearly everybody.
var refusingRouter = fault{
	name:   "the router refuses nearly everybody",
	breaks: func(*store) func() { return func() {} },
	each: func(s *store) {
		s.ask(browse, nil)
		for range 40 {
			s.ask(`{ nothing }`, nil)
		}
	},
	turns:  40,
	alerts: []string{"MostOperationsRefused"},
}

// mistakes has every client ask for what does not exist, or what it may not see.
var mistakes = fault{
	name:   "clients make mistakes",
	breaks: func(*store) func() { return func() {} },
	each: func(s *store) {
		s.visit()
		for range 10 {
			s.ask(`{ nothing }`, nil)
			s.ask(`{ products(first: -1) { nodes { id } } }`, nil)
			s.ask(`mutation { retryNotification(id: "0") { __typename } }`, nil)
		}
	},
	turns: 30,
}

// ageOutbox makes the events of a service wait for longer, as if the invented time passed in
// its database, and waits until the service has noticed.
func (s *store) ageOutbox(service string) {
	s.t.Helper()
	s.sql(service, `update event_outbox set time = time - interval '5 minutes' where published_at is null`)
	s.metric(service, "the oldest event has waited for minutes", func(text string) bool { return value(text, "souk_event_outbox_age_seconds") > 60 })
}

var stuckOutbox = fault{
	name: "nobody relays the outbox",
	breaks: func(s *store) func() {
		conn := s.connect("order")
		h := fnv.New64a()
		h.Write([]byte("souk/events/relay")) // see lockKey in package events
		if _, err := conn.Exec(s.t.Context(), `select pg_advisory_lock($1)`, int64(h.Sum64())); err != nil {
			s.t.Fatal(err)
		}
		s.visit()
		s.ageOutbox("order")
		return func() { _ = conn.Close(context.Background()) }
	},
	alerts: []string{"OutboxStuck order-service"},
}

// stuckConsumer has a consumer that can handle no event.
var stuckConsumer = fault{
	name: "a consumer stands still",
	breaks: func(s *store) func() {
		s.sql("notification", `alter table processed_events rename to hidden_events`)
		eventually(s.t, "events are unread", func() bool {
			s.visit()
			text := s.metrics("notification")
			return value(text, `souk_event_stream_lag{group="notification"}`) > 0 && value(text, `souk_event_unhandled_age_seconds{group="notification"}`) > 1
		})
		return func() {
			s.sql("notification", `alter table hidden_events rename to processed_events`)
			s.metric("notification", "the events are handled", func(text string) bool {
				return value(text, `souk_event_stream_lag{group="notification"}`) == 0 && value(text, `souk_event_unhandled_age_seconds{group="notification"}`) == 0
			})
		}
	},
	// Its turns take seconds: after a minute of failures, the events would be dead letters.
	each:   func(s *store) { s.ask(browse, nil) },
	turns:  45, // longer than the window
	alerts: []string{"ConsumerStuck notification"},
}

// fullCache has Redis as full as maxmemory lets it be, with keys that expire.
var fullCache = fault{
	name: "a cache fills Redis",
	breaks: func(s *store) func() {
		s.redis.set("maxmemory-policy", "volatile-ttl")
		s.redis.set("maxmemory", "20mb")
		value := strings.Repeat("x", 100_000)
		for i := range 400 {
			if err := s.redis.client.Set(s.t.Context(), fmt.Sprint("entity:", i), value, time.Hour).Err(); err != nil {
				s.t.Fatal(err)
			}
		}
		return func() { s.redis.set("maxmemory", "0") }
	},
	turns: 40,
}

// fullRedis has no memory for anything.
var fullRedis = fault{
	name: "Redis has no memory for writes",
	breaks: func(s *store) func() {
		s.redis.set("maxmemory", "1")
		s.visit()
		for _, service := range []string{"order", "inventory"} {
			s.ageOutbox(service)
		}
		return func() { s.redis.set("maxmemory", "0") }
	},
	alerts: []string{"OutboxStuck inventory-service", "OutboxStuck order-service", "EntityCacheAway", "RedisRefusesWrites redis"},
}

// lockedPostgres has a transaction hold a lock on the stock, for which every request waits
// until Postgres ends its statement.
var lockedPostgres = func() fault {
	var requests sync.WaitGroup
	return fault{
		name: "a lock in Postgres",
		breaks: func(s *store) func() {
			conn := s.connect("inventory")
			if _, err := conn.Exec(s.t.Context(), `begin; lock table stock_levels`); err != nil {
				s.t.Fatal(err)
			}
			return func() { _ = conn.Close(context.Background()); requests.Wait() }
		},
		// Prometheus scrapes while the requests wait.
		each: func(s *store) {
			requests.Wait()
			for id := range 6 {
				requests.Go(func() { s.ask(look, map[string]any{"id": strconv.Itoa(id + 1)}) })
			}
			s.scraped["inventory"] = s.metric("inventory", "statements wait for the lock", func(text string) bool { return value(text, "souk_postgres_lock_waits") > 3 })
		},
		turns:  18,
		alerts: []string{"LockWaits inventory-service", "SlowFastBurn", "StatementsSlow inventory-service", "StatementsTimeOut inventory-service", "UnansweredFastBurn"},
	}
}()

// slowPostgres makes each order take more than a second to insert.
var slowPostgres = fault{
	name: "Postgres is slow",
	breaks: func(s *store) func() {
		s.sql("order", `create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(1.2); return new; end $$`)
		s.sql("order", `create trigger slow before insert on orders for each row when (new.status = 'PENDING') execute function slow()`)
		return func() { s.sql("order", `drop function slow cascade`) }
	},
	each: func(s *store) {
		var customers sync.WaitGroup
		for range 8 {
			customers.Go(func() { s.order(s.product) })
		}
		customers.Wait()
	},
	turns:  16,
	alerts: []string{"SlowFastBurn", "StatementsSlow order-service"},
}

// deadLetter publishes one event that cannot be handled: the first that its consumer moves
// to the dead-letter stream.
var deadLetter = fault{
	name: "a dead letter",
	breaks: func(s *store) func() {
		s.sql("user", `insert into event_outbox (id, type, subject, time, traceparent, tracestate, data)
			values (gen_random_uuid(), 'user.mail', '1', now(), '', '', '{"mailId": {}}')`)
		letters := func(n float64) func(string) bool {
			return func(text string) bool {
				const series = `souk_event_dead_letters{group="notification",type="user.mail"}`
				return strings.Contains(text, series) && value(text, series) == n
			}
		}
		s.metric("notification", "the event is a dead letter", letters(1))
		return func() {
			if err := s.redis.client.Del(s.t.Context(), "souk:events:dead").Err(); err != nil {
				s.t.Fatal(err)
			}
			s.metric("notification", "the dead letter is dropped", letters(0))
		}
	},
	turns:  40, // longer than any window
	alerts: []string{"DeadLetters notification"},
}

var refusedSupergraph = fault{
	name: "a supergraph is refused",
	breaks: func(s *store) func() {
		s.writeSupergraph("type Query {")
		s.metric("admin", "the router has refused it", func(text string) bool {
			return !strings.Contains(text, `souk_router_supergraph_loads_total{result="failed"} 0`)
		})
		return func() { s.writeSupergraph(schema.Supergraph) }
	},
	turns:  30, // longer than any window
	alerts: []string{"SupergraphRefused api-gateway"},
}

// expiringCertificate gives Redis a certificate that is valid for ten days.
var expiringCertificate = fault{
	name: "a certificate is near its expiry",
	breaks: func(s *store) func() {
		s.redis.renew(time.Now().AddDate(0, 0, 10))
		eventually(s.t, "the router has connected again", func() bool {
			s.visit()
			return value(s.metrics("admin"), `souk_router_certificate_expiry_timestamp_seconds{kind="redis",name="response_cache",owner="server"}`) < float64(time.Now().AddDate(0, 0, 11).Unix())
		})
		return func() { s.redis.renew(time.Now().AddDate(1, 0, 0)) }
	},
	turns:  25,
	alerts: []string{"CertificateExpires api-gateway"},
}

// hotProduct has everybody want a product that is sold out.
var hotProduct = func() fault {
	var product string
	return fault{
		name:   "a product is sold out",
		breaks: func(s *store) func() { product = s.sell("Gadget", 0); return func() {} },
		each: func(s *store) {
			s.visit()
			for range 4 {
				s.order(product)
			}
		},
		turns:  30,
		alerts: []string{"OrdersRefused out_of_stock"},
	}
}()

// poisonedCache has somebody change products in the database, where nothing tells the cache.
var poisonedCache = fault{
	name:   "the cache has outdated values",
	breaks: func(*store) func() { return func() {} },
	each: func(s *store) {
		s.sql("product", `update products set description = 'edition ' || random() where id = $1`, s.product)
		s.ask(list, nil) // no order, which would invalidate the product
	},
	turns:  30,
	alerts: []string{"EntityCacheDiffers product"},
}
