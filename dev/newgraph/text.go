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
		fmt.Fprintf(&b, "  %s:\n    routing_url: %q\n    schema:\n", s.Name, s.URL)
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
	var b strings.Builder
	fmt.Fprintf(&b, `# The configuration of the router. To start it with a composed graph:
#   souk router --config router.yaml
# Any value may be ${env.NAME} or ${env.NAME:-default}.
version: "1"
listen: 127.0.0.1:%d
supergraph:
  path: supergraph.graphql # reloaded when it changes
playground:
  enabled: true
introspection: true # set both to false where clients must not see the schema

# Where the subgraphs are, if not where supergraph.yaml says.
override_subgraph_urls:
`, g.Port)
	for _, s := range g.Subgraphs {
		fmt.Fprintf(&b, "  %s: \"${env.%s:-%s}\"\n", s.Name, s.variable(), s.URL)
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
	fmt.Fprintf(&b, `# The router in a container. Compose the graph first:
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
		fmt.Fprintf(&b, "      %s: %q\n", s.variable(), s.inContainer())
	}
	fmt.Fprintf(&b, `    extra_hosts: ["host.docker.internal:host-gateway"] # subgraphs on this machine
    ports: ["%[1]d:%[1]d"]
    volumes:
      - ./router.yaml:/graph/router.yaml:ro
      - ./supergraph.graphql:/graph/supergraph.graphql:ro
    read_only: true
    restart: unless-stopped
`, g.Port)
	return b.String()
}
