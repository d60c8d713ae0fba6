package config

// Canary configures a second variant of the router.
type Canary struct {
	Supergraph           string       `yaml:"supergraph" desc:"File with the SDL of the second supergraph. If empty, the canary has the supergraph of the router." example:"next.graphql"`
	Remote               Remote       `yaml:"remote" desc:"A second supergraph that is kept elsewhere: at a URL, in an OCI registry or in a bucket of S3. It is in place of the file in canary.supergraph."`
	OverrideSubgraphURLs SubgraphURLs `yaml:"override_subgraph_urls" desc:"Subgraph URLs in the canary, by subgraph name: one, or a list. They replace those in override_subgraph_urls and in its supergraph." format:"subgraph" empty:"no"`
	Mode                 string       `yaml:"mode" desc:"serve: the canary responds to its share of the requests. shadow: the router responds to all, and the canary gets a copy of its share of the queries; differences between the responses are logged and counted." enum:"serve,shadow"`
	Percent              float64      `yaml:"percent" desc:"Share of the requests, in percent." max:"100"`
	By                   string       `yaml:"by" desc:"What requests to the same variant have in common: the client's address (ip), the subject of the token, the name of the client, or the value of a header. random decides for each request." enum:"random,ip,subject,client,header"`
	Header               string       `yaml:"header" desc:"Header to distinguish requests by. Required if by is header." format:"header" example:"X-Tenant"`
	Shadow               CanaryShadow `yaml:"shadow" desc:"Bounds of copies."`
}

// CanaryShadow bounds the copies of queries.
type CanaryShadow struct {
	Queue       int `yaml:"queue" desc:"Number of copies that wait at most. Further ones are dropped and counted." min:"1"`
	Concurrency int `yaml:"concurrency" desc:"Number of copies that run at the same time." min:"1" max:"1000"`
	MaxBytes    int `yaml:"max_bytes" desc:"Size of a request body and of a response above which a query is not copied. The copies that wait take at most twice this size each." min:"1"`
}

// Configured reports whether there is a canary.
func (c *Canary) Configured() bool { return c.HasSupergraph() || len(c.OverrideSubgraphURLs) > 0 }

// HasSupergraph reports whether the canary has a supergraph of its own.
func (c *Canary) HasSupergraph() bool { return c.Supergraph != "" || c.Remote.Configured() }

func (c *Canary) check(router Supergraph, add addFunc) {
	c.Remote.check("canary.remote", add)
	add(c.Supergraph != "" && c.Remote.Configured(), "canary.remote.url", "canary.remote.url and canary.supergraph cannot both be set; remove one of them", "canary.supergraph")
	add(c.Remote.CacheFile != "" && c.Remote.CacheFile == router.Remote.CacheFile, "canary.remote.cache_file",
		"canary.remote.cache_file is that of supergraph.remote, too; each needs a file of its own", "supergraph.remote.cache_file")
	add(c.By == "header" && c.Header == "", "canary.by", "canary.by is header, which requires canary.header, such as X-Tenant", "canary.header")
}
