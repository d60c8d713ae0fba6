package usage

import (
	"strings"
	"sync"
)

// A Client identifies clients by what they say of themselves.
type Client struct{ Name, Version string }

// The bounds of the counts of an interval, and of a file.
const (
	maxElements = 20_000
	maxClients  = 64
	maxName     = 100  // bytes of the name and of the version of a client
	maxPending  = 4096 // pairs of an operation and a client that are counted together
)

// others stands for the clients above maxClients.
var others = Client{Name: "_other"}

// counts has the use of elements by client. Requests only count operations. What these use is
// added later, for all requests with the same operation and client at once.
type counts struct {
	mu       sync.Mutex
	pending  map[pending]uint64
	clients  map[Client]bool
	elements table
}

type pending struct {
	uses   *Elements
	client Client
}

// A table has the use of elements by their coordinates. It has an entry for further if there were
// more than maxElements.
type table map[string]*use

// further stands in place of the coordinates for which there was no room.
const further = ""

// A use of an element is the number of requests, in all and by client.
type use struct {
	kind       kind
	deprecated bool
	requests   uint64
	clients    map[Client]uint64
}

// A kind of element is a member of a document.
type kind uint8

const (
	field kind = iota
	argumentOfField
	inputField
	enumValue
)

func newCounts() *counts {
	return &counts{pending: map[pending]uint64{}, clients: map[Client]bool{}, elements: table{}}
}

// add counts a request.
func (c *counts) add(uses *Elements, given []string, client Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	client = c.known(client)
	c.pending[pending{uses, client}]++
	for _, coordinate := range given {
		c.elements.add(uses.schema.describe(coordinate), coordinate, client, 1)
	}
	if len(c.pending) >= maxPending {
		c.expand()
	}
}

// known returns the client to count a request for.
func (c *counts) known(client Client) Client {
	client.Name, client.Version = shorten(client.Name), shorten(client.Version)
	switch {
	case c.clients[client]:
		return client
	case len(c.clients) >= maxClients:
		return others
	}
	client = Client{strings.Clone(client.Name), strings.Clone(client.Version)}
	c.clients[client] = true
	return client
}

func shorten(name string) string {
	if len(name) > maxName {
		return strings.ToValidUTF8(name[:maxName], "")
	}
	return name
}

// expand adds what the pending operations use.
func (c *counts) expand() {
	for p, n := range c.pending {
		for _, coordinate := range p.uses.Coordinates {
			c.elements.add(p.uses.schema.describe(coordinate), coordinate, p.client, n)
		}
	}
	clear(c.pending)
}

// take returns what was counted, and begins again.
func (c *counts) take() table {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expand()
	taken := c.elements
	c.elements = table{}
	clear(c.clients)
	return taken
}

func (t table) add(like use, coordinate string, client Client, n uint64) {
	u := t[coordinate]
	if u == nil {
		if len(t) >= maxElements {
			t[further] = &use{clients: map[Client]uint64{client: 1}}
			return
		}
		u = &use{kind: like.kind, deprecated: like.deprecated, clients: map[Client]uint64{}}
		t[coordinate] = u
	}
	u.requests += n
	if _, known := u.clients[client]; !known && len(u.clients) > maxClients { // there is room for others, too
		client = others
	}
	u.clients[client] += n
}

// merge adds the uses of another table.
func (t table) merge(from table) {
	for coordinate, u := range from {
		for client, n := range u.clients {
			t.add(*u, coordinate, client, n)
		}
	}
}

// describe returns a use without requests.
func (s *Schema) describe(coordinate string) use {
	_, deprecated := s.deprecated[coordinate]
	return use{kind: s.kindOf(coordinate), deprecated: deprecated}
}

func (s *Schema) kindOf(coordinate string) kind {
	name, member, _ := strings.Cut(coordinate, ".")
	t := s.schema.Types[name]
	switch {
	case strings.HasSuffix(member, ")"):
		return argumentOfField
	case t != nil && t.IsInputType() && t.IsLeafType():
		return enumValue
	case t != nil && t.IsInputType():
		return inputField
	}
	return field
}
