// Command run puts the store under load and reports how it performs.
//
// It starts the whole store on free ports with temporary data, runs the mixed
// k6 script against it for a fixed time, and prints the requests per second,
// latencies, error rates and the hit rate of the router's entity cache. It
// writes summary.json and summary.html to loadtest/results.
//
// With -chaos, each service has two replicas and runs in processes of its own,
// as do the payment provider and the router, which has the configuration of the
// cluster. The command kills and restarts Redis, one and then both replicas of
// each service, the payment provider, Postgres and the router. Then it audits the databases, the inbox and the
// router: no product is oversold, every accepted order exists with its events
// and its money, there is no other money, each customer got one e-mail, and the
// cache agrees with the database.
//
// With -from, it does a rolling update of the services from an earlier revision
// of the repository under that revision's load script. The earlier version makes
// the databases, and the replicas of this version migrate them while both serve.
// No request may fail, and the audit follows.
//
// Environment variables shape the load: RATE is the number of visits per
// second at the peak, DURATION the length of the peak. K6 is the path of the
// k6 program. Without it, the command uses k6 from PATH, or builds it from the
// Go module.
//
// testrun.go is the hub, and main.go reads the arguments. k6.go runs the scripts,
// and redis.go runs Redis. fleet.go and router.go run the other programs,
// process.go one of them, and balancer.go connects to replicas. outage.go kills
// the parts, upgrade.go replaces the services, cache.go reads the cache's
// metrics, and audit.go, audit_cache.go and audit_money.go check the result.
package main
