package newgraph

import (
	"fmt"
	"strings"
)

// supergraph returns supergraph.yaml.
func (g Graph) supergraph() string {
	var b strings.Builder
	b.WriteString("# The subgraphs of the graph. To serve it while you change it:\n" +
		"#   souk dev --config supergraph.yaml --router-config router.yaml\n" +
		"# To compose it for production:\n" +
		"#   souk compose --config supergraph.yaml --output supergraph.graphql\n" +
		"subgraphs:\n")
	for _, s := range g.Subgraphs {
		fmt.Fprintf(&b, "  %s:\n    routing_url: %q\n    schema:\n", s.key(), s.URL)
		if s.File != "" {
			fmt.Fprintf(&b, "      file: %q\n", s.File)
		} else {
			fmt.Fprintf(&b, "      subgraph_url: %q\n", s.URL)
		}
	}
	return b.String()
}

// router returns router.yaml.
func (g Graph) router() string {
	return fmt.Sprintf(`# The configuration of the router. To start it with a composed graph:
#   souk router --config router.yaml
# Any value may be ${env.NAME} or ${env.NAME:-default}.
version: "1"
listen: 127.0.0.1:%d
supergraph:
  file: supergraph.graphql # reloaded when it changes
`, g.Port) + g.settings("Where the subgraphs are, if not where supergraph.yaml says.", func(s Subgraph) string {
		return fmt.Sprintf("${env.%s:-%s}", s.variable(), s.URL)
	})
}

// settings returns the part of the router's configuration that does not depend on where the
// router runs, with the URL of each subgraph.
func (g Graph) settings(urls string, url func(Subgraph) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `playground:
  enabled: true
introspection: true # set both to false where clients must not see the schema

# %s
override_subgraph_urls:
`, urls)
	for _, s := range g.Subgraphs {
		fmt.Fprintf(&b, "  %s: %q\n", s.key(), url(s))
	}
	b.WriteString(`
# Headers of clients that subgraphs receive.
headers:
  all:
    propagate: [Authorization]

traffic_shaping:
  all:
    timeout: 10s
`)
	return b.String()
}

// compose returns docker-compose.yaml.
func (g Graph) compose() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The router in a container. Compose the graph first, and again when a subgraph has changed:
#   souk compose --config supergraph.yaml --output supergraph.graphql
services:
  router:
    image: ${SOUK_IMAGE:-souk:latest} # make image IMAGE=souk:latest builds it
    working_dir: /graph
    command: [router, --config, router.yaml]
    environment:
      ROUTER_LISTEN: ":%[1]d"
`, g.Port)
	for _, s := range g.Subgraphs {
		// Docker Compose reads $$ as $.
		fmt.Fprintf(&b, "      %s: %q\n", s.variable(), strings.ReplaceAll(s.inContainer(), "$", "$$"))
	}
	fmt.Fprintf(&b, `    extra_hosts: ["host.docker.internal:host-gateway"] # subgraphs on this machine
    ports: ["%[1]d:%[1]d"]
    # The whole directory: a single file would stay the old one when an editor or souk compose
    # replaces it, and the router could not reload it.
    volumes: [".:/graph:ro"]
    read_only: true
    restart: unless-stopped
`, g.Port)
	return b.String()
}

// values returns values.yaml.
func (g Graph) values() string {
	var b strings.Builder
	b.WriteString(`# Values of the Helm chart charts/souk-router, to run the router on Kubernetes:
#   souk compose --config supergraph.yaml --output supergraph.graphql
#   helm upgrade --install graph charts/souk-router --set-file supergraph.sdl=supergraph.graphql --values values.yaml
image:
  repository: souk # in your registry; make image builds it
  tag: latest

# router.yaml. The chart adds the addresses and the path of the supergraph.
config:
`)
	for line := range strings.Lines(g.settings("Where the subgraphs are in the cluster: Services of the same namespace, if they were on this machine.", Subgraph.inCluster)) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}
