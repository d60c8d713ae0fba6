package dev

import (
	"fmt"
	"io"
)

// Welcome writes where everything is and what to try first.
func (s *System) Welcome(w io.Writer) {
	if s.exposed() && s.opts.AuthMode == "tutorial" {
		fmt.Fprintf(w, `
Warning: the router listens on %s, so other machines can reach it. In tutorial
mode, requests without a token have all rights. To restrict access, use
--listen localhost:8080 or --auth enforced.
`, s.opts.Listen)
	}
	url, order := s.URL(routerName), ""
	if s.opts.AuthMode == "enforced" {
		order = " -H 'Authorization: Bearer ACCESS_TOKEN'"
	}
	fmt.Fprintf(w, `
Souk is running. Open

  %[1]s/            the playground
  %[1]s/api/docs    the REST API
  %[2]s/            the inbox: e-mail and SMS that the store has sent
  %[3]s/console/    the console: the graph, query plans and traffic

and try

  curl %[1]s/api/products
  curl -X POST %[1]s/api/orders -H 'Content-Type: application/json'%[4]s -d '{"userId":1,"productId":1,"quantity":2}'
  curl %[1]s/graphql -H 'Content-Type: application/json'%[4]s -d '{"query":"{ orders(first: 1) { nodes { status user { username } lines { product { name available } } notifications { status } } } }"}'
`, url, s.URL(inboxName), s.URL(adminName), order)
	if order != "" {
		fmt.Fprintf(w, `
with the accessToken of

  curl %[1]s/api/login -H 'Content-Type: application/json' -d '{"email":"USERNAME","password":"PASSWORD"}'

after signing up with POST %[1]s/api/users. Order for the ID of that user.
`, url)
	}
	fmt.Fprint(w, "\nPress Ctrl-C to stop.\n")
}
