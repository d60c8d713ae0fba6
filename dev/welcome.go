package dev

import (
	"fmt"
	"io"
)

// Welcome tells a person where everything is and what to try.
func (s *System) Welcome(w io.Writer) {
	if s.exposed() && s.opts.AuthMode == "tutorial" {
		fmt.Fprintf(w, `
Warning: the router listens on %s, so other machines can reach it, and in
tutorial mode a request without a token may do everything. Use
--listen localhost:8080 to keep it to this machine, or --auth enforced.
`, s.opts.Listen)
	}
	url := s.URL(routerName)
	fmt.Fprintf(w, `
Souk runs. Open

  %[1]s/            the playground
  %[1]s/api/docs    the REST form
  %[2]s/            the inbox: what the store has sent

and try

  curl %[1]s/api/products
  curl -X POST %[1]s/api/orders -H 'Content-Type: application/json' -d '{"userId":1,"productId":1,"quantity":2}'
  curl %[1]s/graphql -H 'Content-Type: application/json' -d '{"query":"{ orders(first: 1) { nodes { status user { username } lines { product { name available } } notifications { status } } } }"}'

Ctrl-C stops it.
`, url, s.URL(inboxName))
}
