package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// LogLimits is the value of limits.mode and limits.modes that executes operations beyond a limit.
const LogLimits = "log"

// Limits bounds client requests. Zero means no limit. Sizes are in bytes.
type Limits struct {
	MaxBodyBytes       int               `yaml:"http_max_request_bytes" desc:"Maximum size of a request body. It applies before and after decompression."`
	MaxURLBytes        int               `yaml:"http_max_url_bytes" desc:"Maximum length of the query string of a GET request."`
	MaxHeaderBytes     int               `yaml:"http_max_header_bytes" desc:"Maximum total size of the request headers."`
	HeaderTimeout      time.Duration     `yaml:"http_header_timeout" desc:"Maximum time to receive the request headers."`
	BodyTimeout        time.Duration     `yaml:"http_body_timeout" desc:"Maximum time to receive a request body."`
	WriteTimeout       time.Duration     `yaml:"http_write_timeout" desc:"How long a client may take to receive the next 64 KiB of a response before the router disconnects it."`
	IdleTimeout        time.Duration     `yaml:"http_idle_timeout" desc:"How long an idle client connection stays open."`
	MaxConnections     int               `yaml:"http_max_connections" desc:"Maximum number of client connections. When it is exceeded, the router closes the connection that has been idle longest."`
	ConnectionRate     int               `yaml:"http_connection_rate" desc:"Maximum number of connections that one client address may open per second, averaged over four seconds. The router closes further ones at once. It does not apply to client_address.trusted_proxies."`
	MaxInFlightBytes   int               `yaml:"max_in_flight_bytes" desc:"Memory for request bodies, subgraph responses and client responses in progress. When it is exhausted, the router disconnects the slowest client and rejects further operations with the code OVERLOADED."`
	ForbidMutations    bool              `yaml:"forbid_mutations" desc:"Reject mutations, whichever way they come, with the code MUTATION_FORBIDDEN. Neither mode nor clients change that."`
	Mode               string            `yaml:"mode" desc:"What happens to operations beyond max_depth, max_height, max_aliases, max_root_fields, max_directives, max_fields, max_representations and max_response_bytes: enforce rejects them; log executes them, logs each document once while it is cached, and counts them in souk_router_limits_exceeded_total. The limits on HTTP requests, connections, times and memory are always enforced, because without them one client could stop the router." enum:"enforce,log"`
	Modes              map[string]string `yaml:"modes" desc:"Modes of single limits, by their names, in place of mode. parser_max_tokens, parser_max_recursion and max_list_items, which also protect the router, are only logged if they are named here." enum:"enforce,log"`
	MaxTokens          int               `yaml:"parser_max_tokens" desc:"Maximum number of tokens in a document. In the mode log, a document with more than four times as many is still rejected."`
	MaxRecursion       int               `yaml:"parser_max_recursion" desc:"Maximum number of levels to which a document may nest selection sets, lists, objects and list types, as they are written. Deeper documents are rejected before they are parsed. 0 means 1000, which the parser never exceeds, not even in the mode log." max:"1000"`
	MaxDepth           int               `yaml:"max_depth" desc:"Maximum nesting depth of fields."`
	MaxHeight          int               `yaml:"max_height" desc:"Maximum number of fields, counted after fragments are expanded. Unlike in max_fields, fields of one selection set with the same name or alias count once. 0 means no limit."`
	MaxAliases         int               `yaml:"max_aliases" desc:"Maximum number of aliases."`
	MaxRootFields      int               `yaml:"max_root_fields" desc:"Maximum number of root fields."`
	MaxDirectives      int               `yaml:"max_directives" desc:"Maximum number of directives."`
	MaxFields          int               `yaml:"max_fields" desc:"Maximum number of fields, counted after fragments are expanded."`
	MaxListItems       int               `yaml:"max_list_items" desc:"Maximum number of items in one list of an argument or variable."`
	MaxRepresentations int               `yaml:"max_representations" desc:"Maximum number of entities in one request to a subgraph. Beyond it, the request is not sent, and its fields are null with the error MAX_REPRESENTATIONS_LIMIT. Entities found in the cache do not count."`
	MaxResponseBytes   int               `yaml:"max_response_bytes" desc:"Maximum size of a response to a client, before compression. In place of a larger one, the client gets the error MAX_RESPONSE_BYTES_LIMIT and no data. It bounds each part of a response in parts (@defer): a fragment that does not fit there fails with this error."`

	Clients map[string]ClientLimits `yaml:"clients" desc:"Limits of single clients in place of those of this block, by the name that a client states in GraphQL-Client-Name or apollographql-client-name. The router does not verify names: a client can state that of another. Raise a limit for a name only if a proxy or an authentication in front of the router makes sure who uses it, or if every client may have the higher limit."`
}

// ClientLimits are the limits of a client that differ from those of all others. Nil means that
// one does not differ.
type ClientLimits struct {
	MaxTokens     *int `yaml:"parser_max_tokens" desc:"Maximum number of tokens in a document. 0 means no limit."`
	MaxRecursion  *int `yaml:"parser_max_recursion" desc:"Maximum number of levels to which a document may nest selection sets, lists, objects and list types. 0 means 1000." max:"1000"`
	MaxDepth      *int `yaml:"max_depth" desc:"Maximum nesting depth of fields. 0 means no limit."`
	MaxHeight     *int `yaml:"max_height" desc:"Maximum number of fields, where those of one selection set with the same name or alias count once. 0 means no limit."`
	MaxAliases    *int `yaml:"max_aliases" desc:"Maximum number of aliases. 0 means no limit."`
	MaxRootFields *int `yaml:"max_root_fields" desc:"Maximum number of root fields. 0 means no limit."`
	MaxDirectives *int `yaml:"max_directives" desc:"Maximum number of directives. 0 means no limit."`
	MaxFields     *int `yaml:"max_fields" desc:"Maximum number of fields, counted after fragments are expanded. 0 means no limit."`
	MaxListItems  *int `yaml:"max_list_items" desc:"Maximum number of items in one list of an argument or variable. 0 means no limit."`
}

// maxLimitedClients bounds the clients with limits of their own.
const maxLimitedClients = 1000

// Of returns the limits of a client.
func (l Limits) Of(client string) Limits {
	own := l.Clients[client]
	for _, f := range []struct{ to, from *int }{
		{&l.MaxTokens, own.MaxTokens}, {&l.MaxRecursion, own.MaxRecursion}, {&l.MaxDepth, own.MaxDepth}, {&l.MaxHeight, own.MaxHeight}, {&l.MaxAliases, own.MaxAliases},
		{&l.MaxRootFields, own.MaxRootFields}, {&l.MaxDirectives, own.MaxDirectives}, {&l.MaxFields, own.MaxFields}, {&l.MaxListItems, own.MaxListItems},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	return l
}

// limitNames are the limits that have a mode.
var limitNames = []string{
	"max_depth", "max_height", "max_aliases", "max_root_fields", "max_directives", "max_fields", "max_representations", "max_response_bytes",
	"parser_max_tokens", "parser_max_recursion", "max_list_items",
}

// protective are the limits that limits.mode does not change: they also bound what the router
// spends on a request before it is known to be valid.
var protective = []string{"parser_max_tokens", "parser_max_recursion", "max_list_items"}

// Logs reports whether operations beyond the named limit are executed.
func (l Limits) Logs(name string) bool {
	if slices.Contains(protective, name) {
		return l.Modes[name] == LogLimits
	}
	return cmp.Or(l.Modes[name], l.Mode) == LogLimits
}

// check adds the modes of unknown limits, and what is wrong with the limits of clients.
func (l Limits) check(add addFunc) {
	add(len(l.Clients) > maxLimitedClients, "limits.clients", fmt.Sprintf("limits.clients has %d clients; at most %d can have limits of their own", len(l.Clients), maxLimitedClients))
	for name := range l.Modes {
		add(!slices.Contains(limitNames, name), "limits.modes."+name,
			fmt.Sprintf("limits.modes.%s: this limit has no mode; those with one are %s", name, strings.Join(limitNames, ", ")))
	}
}
