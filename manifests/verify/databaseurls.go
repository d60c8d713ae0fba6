package verify

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
)

const (
	// poolConnections are those of a replica's pool unless its DATABASE_URL has pool_max_conns.
	poolConnections = 12
	// otherConnections are a few more of a replica, to lead, to listen and to migrate.
	otherConnections = 4
	// connections is how many a replica of a service opens to its database.
	connections = poolConnections + otherConnections
	// fewestConnections are two for one request, and some for the others.
	fewestConnections = 4
	// shortestStatement is what a statement may need while the database has much to do.
	shortestStatement = 100 * time.Millisecond
)

// databaseParameters are the parameters of a DATABASE_URL whose values a check reads. Others may
// turn off TLS, change the planner or lose what is committed (options, synchronous_commit), so
// they need a check of their values first.
var databaseParameters = []string{"sslmode", "statement_timeout", "pool_max_conns"}

// checkParameters wants the parameters of a DATABASE_URL to be known, and each to be there once.
func checkParameters(address *url.URL) error {
	parameters, err := url.ParseQuery(address.RawQuery)
	if err != nil {
		return fmt.Errorf("the parameters of its DATABASE_URL: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if !slices.Contains(databaseParameters, name) {
			return fmt.Errorf("its DATABASE_URL has %s=%s, and no check knows the values of that parameter", name, parameters.Get(name))
		}
		if len(parameters[name]) != 1 {
			return fmt.Errorf("its DATABASE_URL has %s %d times", name, len(parameters[name]))
		}
	}
	return nil
}

// poolSize returns how many connections the pool of a replica may open.
func poolSize(address *url.URL) (int, error) {
	text := address.Query().Get("pool_max_conns")
	if text == "" {
		return poolConnections, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil || size < fewestConnections {
		return 0, fmt.Errorf("its DATABASE_URL has pool_max_conns=%s, and it needs %d connections or more", text, fewestConnections)
	}
	return size, nil
}

// ownStatementTimes returns how long a statement of each program takes whose DATABASE_URL says so.
// Those whose Secret is elsewhere have the default.
func (d Documents) ownStatementTimes() (map[string]time.Duration, error) {
	own := map[string]time.Duration{}
	for _, name := range d.programs()[1:] {
		var deployment appsv1.Deployment
		if err := d.find("Deployment", name, &deployment); err != nil {
			return nil, err
		}
		address, err := d.database(&deployment)
		if err != nil || !address.Query().Has("statement_timeout") {
			continue // checkDatabases wants an address
		}
		text := address.Query().Get("statement_timeout")
		milliseconds, err := strconv.Atoi(text)
		if err != nil || time.Duration(milliseconds)*time.Millisecond < shortestStatement {
			return nil, fmt.Errorf("%s: its DATABASE_URL has statement_timeout=%s, which is not a number of milliseconds from %d", name, text, shortestStatement.Milliseconds())
		}
		own[name] = time.Duration(milliseconds) * time.Millisecond
	}
	return own, nil
}
