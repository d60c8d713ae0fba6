package convert

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"souk/router/gateway/config"
)

// redis converts the connection to Redis of Apollo Router.
func (c *conversion) redis(n *node, path ...string) {
	at := func(key string) []string { return append(slices.Clone(path), key) }
	c.redisURLs(n.get("urls"), true, n, path...)
	for _, key := range []string{"username", "password"} {
		if child := n.get(key); child != nil && !child.isNull {
			c.copy(child, asText, at(key)...)
		}
	}
	if namespace := n.get("namespace"); namespace != nil && !namespace.isNull {
		c.copy(namespace, keyPrefix, at("key_prefix")...)
	}
	for _, key := range []string{"timeout", "fetch_timeout"} {
		if child := n.get(key); child != nil && !child.isNull {
			c.copy(child, duration, at("timeout")...)
		}
	}
	if ttl := n.get("ttl"); ttl != nil && !ttl.isNull {
		key := "response_cache.subgraph.all.ttl"
		if path[0] == "persisted_documents" {
			key = "persisted_documents.ttl"
		}
		via(key, duration).convert(c, ttl, nil)
	}
	if tls := n.get("tls"); tls != nil && tls.isMap {
		c.apolloClientFiles(tls, strings.Join(at("tls"), "."), at("tls")...)
	}
	known := []string{"urls", "username", "password", "namespace", "timeout", "fetch_timeout", "ttl", "tls"}
	c.others(n, "see "+strings.Join(path, ".")+" in docs/router.yaml: the size of the pool is ?pool_size= in the URL", known...)
}

// keyPrefix converts a namespace, which a colon separates from keys.
func keyPrefix(c *conversion, n *node) (string, error) {
	text, err := n.one()
	return c.quote(text + ":"), err
}

// redisURLs converts the URLs of a Redis. Those of a single server stay as they are. grow says that
// several URLs are the nodes of a cluster. own may have a user and a password that replace those in
// the URLs.
func (c *conversion) redisURLs(urls *node, grow bool, own *node, path ...string) {
	list := urls.texts()
	if len(list) == 0 || !c.expandable(urls, list...) {
		return
	}
	t, problem := readRedis(list)
	several := problem == "" && t.kind == "" && len(t.addresses) > 1 && grow
	if several {
		t.kind = "cluster"
	}
	if problem == "" {
		problem = t.refused(list[0])
	}
	if problem == "" {
		problem = c.otherServer(t, list[0], path)
	}
	switch key := strings.Join(path, "."); {
	case problem != "":
		c.note(urls, None, "", "%s", problem)
	case t.kind == "":
		c.set(urls, c.quote(list[0]), append(slices.Clone(path), "url")...)
	default:
		c.redisNodes(urls, t, own, path)
		c.note(urls, Converted, key+".addresses", "")
		if several {
			c.note(urls, Changed, key+".addresses", "several URLs are the nodes of a Redis Cluster")
		}
	}
}

// redisNodes sets the nodes of a Redis Cluster, or the Sentinels, and what their URLs have in common.
func (c *conversion) redisNodes(urls *node, t redisTarget, own *node, path []string) {
	from := []string{c.paths[urls]}
	set := func(value string, key ...string) {
		if value != "" && value != `""` {
			at := c.out.at(append(slices.Clone(path), key...)...)
			at.text, at.from = value, from
		}
	}
	at := c.out.at(append(slices.Clone(path), "addresses")...)
	at.isList, at.list, at.from = true, c.quoted(t.addresses), from
	if t.tls {
		set("true", "tls", "enabled")
	}
	if t.kind == "cluster" {
		set("true", "cluster")
	} else {
		set(c.quote(t.master), "master_name")
		set(c.quote(t.query.Get("sentinelUsername")), "sentinel_username")
		set(c.quote(t.query.Get("sentinelPassword")), "sentinel_password")
		set(t.database, "database")
	}
	if child := own.get("username"); child == nil || child.isNull {
		set(c.quote(t.username), "username")
	}
	if child := own.get("password"); child == nil || child.isNull {
		set(c.quote(t.password), "password")
	}
}

// otherServer says that another key of the input names another Redis, or is "".
func (c *conversion) otherServer(t redisTarget, single string, path []string) string {
	if !c.out.has(path...) {
		return ""
	}
	block := c.out.at(path...)
	for _, key := range []string{"url", "addresses"} {
		set := block.below[key]
		if set == nil || key == "url" && t.kind == "" && set.text == c.quote(single) || key == "addresses" && slices.Equal(set.list, c.quoted(t.addresses)) {
			continue
		}
		return strings.Join(append(slices.Clone(path), key), ".") + " is already set from " + strings.Join(set.from, " and ")
	}
	return ""
}

// A redisTarget is what the URLs of a Redis name.
type redisTarget struct {
	kind               string // cluster, sentinel or "" for a single server
	tls                bool
	addresses          []string
	username, password string
	database, master   string
	query              url.Values
}

// refused says why this router does not accept a connection, or is "". References to variables
// are not expanded here, so nothing is known about them.
func (t redisTarget) refused(single string) string {
	r := config.Redis{URL: single}
	if t.kind != "" {
		r = config.Redis{Addresses: t.addresses, Cluster: t.kind == "cluster", MasterName: t.master}
	}
	if strings.Contains(r.URL+strings.Join(r.Addresses, ""), "${") {
		return ""
	}
	if _, err := config.RedisOptions(r, nil); err != nil {
		return "this router does not accept the value: " + err.Error()
	}
	return ""
}

// readRedis reads the URLs of a Redis: their scheme, user, password and database are the same. The
// problem says what cannot be converted.
func readRedis(list []string) (t redisTarget, problem string) {
	t.query = url.Values{}
	scheme := ""
	for i, text := range list {
		own, rest, ok := strings.Cut(text, "://")
		if !ok && len(list) == 1 {
			t.addresses = []string{text} // such as a reference to a variable that has the whole URL
			return t, ""
		}
		if !ok || i > 0 && own != scheme {
			return t, "the URLs of a Redis have one scheme, such as redis-cluster://"
		}
		scheme = own
		if problem := t.read(rest, i == 0); problem != "" {
			return t, problem
		}
	}
	base, kind, _ := strings.Cut(scheme, "-")
	t.tls, t.kind, t.master = base == "rediss", kind, t.query.Get("sentinelServiceName")
	port := "6379"
	_, err := strconv.ParseUint(t.database, 10, 31)
	numbered := err == nil || t.database == "" || strings.Contains(t.database, "${")
	if !numbered && t.master == "" {
		t.master, t.database = t.database, "" // redis-sentinel://host/primary
	}
	switch {
	case kind == "sentinel" && t.master == "":
		return t, "the URL does not name the primary that the Sentinels watch (?sentinelServiceName=): set master_name"
	case kind == "sentinel" && t.database != "" && !numbered:
		return t, "the database " + strconv.Quote(t.database) + " is not a number"
	case kind == "sentinel":
		port = "26379"
	case kind != "" && (kind != "cluster" || base != "redis" && base != "rediss"):
		return t, "the scheme is " + scheme + "; it must be redis, redis-cluster or redis-sentinel, or rediss for TLS"
	}
	for i, address := range t.addresses {
		if _, _, err := net.SplitHostPort(address); err != nil && !strings.Contains(address, "${") {
			t.addresses[i] = net.JoinHostPort(strings.Trim(address, "[]"), port)
		}
	}
	return t, ""
}

// read reads what is behind the scheme of a URL: user:password@host:port,…/database?node=host:port.
func (t *redisTarget) read(rest string, first bool) (problem string) {
	const encoding = "a URL cannot be read; characters such as @, / and % in a password must be percent-encoded"
	rest, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return encoding
	}
	hosts, credentials := rest, ""
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		credentials, hosts = rest[:i], rest[i+1:]
	}
	hosts, database, _ := strings.Cut(hosts, "/")
	username, password, _ := strings.Cut(credentials, ":")
	if username, err = url.PathUnescape(username); err != nil {
		return encoding
	}
	if password, err = url.PathUnescape(password); err != nil {
		return encoding
	}
	if !first && credentials != "" && (username != t.username || password != t.password) {
		return "the URLs have several users or passwords; this router has one for all nodes"
	}
	if first {
		t.username, t.password, t.database = username, password, database
	}
	t.addresses = append(t.addresses, strings.Split(hosts, ",")...)
	t.addresses = append(t.addresses, values["node"]...)
	t.addresses = append(t.addresses, values["addr"]...)
	for key, list := range values {
		if t.query.Get(key) == "" {
			t.query[key] = list
		}
	}
	return ""
}

// redisBlocks are the connections to Redis that a conversion may set.
var redisBlocks = [][]string{{"persisted_documents", "redis"}, {"response_cache", "redis"}, {"rate_limit", "redis"}}

// withoutServer removes connections to Redis of which no server is known.
func (c *conversion) withoutServer() {
	for _, path := range redisBlocks {
		if !c.out.has(path...) || c.out.has(append(slices.Clone(path), "url")...) || c.out.has(append(slices.Clone(path), "addresses")...) {
			continue
		}
		at := c.out.at(path...)
		c.out.at(path[:len(path)-1]...).remove(path[len(path)-1])
		c.drop(at, "no Redis server is named")
	}
}
