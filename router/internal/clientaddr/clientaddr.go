// Package clientaddr finds the network address of the client that sent a
// request, behind proxies that are known.
//
// Each proxy adds the address of its peer at the end of a header. Whatever was
// there before is what the client said, so the header is read from its end, and
// only as far as the addresses in it are those of trusted proxies. Only one
// header is read: proxies hand on the one that they do not write as the client
// sent it.
//
// realclientip/realclientip-go does the same; it reads the whole header, of
// which a client may make hundreds of kilobytes, before it looks at its end, and
// does not check the peer.
package clientaddr

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// The headers that a Resolver can read.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

const (
	// maxHops bounds the proxies that a header is followed through.
	maxHops = 32
	// maxLine bounds a line of Forwarded that is read.
	maxLine = 4 << 10
)

// A Resolver knows which proxies to believe. The zero Resolver believes none.
type Resolver struct {
	trusted   []netip.Prefix
	forwarded bool // read Forwarded
}

// New makes a Resolver that believes the proxies with an address of the list,
// networks such as 10.0.0.0/8 or single addresses, about the named header.
func New(proxies []string, header string) (*Resolver, error) {
	r := &Resolver{}
	switch http.CanonicalHeaderKey(header) {
	case XForwardedFor, "":
	case Forwarded:
		r.forwarded = true
	default:
		return nil, fmt.Errorf("the header %q cannot be read for addresses; use %s or %s", header, XForwardedFor, Forwarded)
	}
	for _, text := range proxies {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil {
				return nil, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", text)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		r.trusted = append(r.trusted, prefix.Masked())
	}
	return r, nil
}

// Of gives the address of the client that sent a request: that of the peer,
// unless the peer is a trusted proxy. It is not valid if the peer has no IP
// address, as over a Unix socket.
func (r *Resolver) Of(req *http.Request) netip.Addr {
	peer, ok := parseNode(req.RemoteAddr)
	if !ok || !r.trusts(peer) {
		return peer
	}
	if r.forwarded {
		return r.follow(peer, forwardedNodes(req.Header[Forwarded]))
	}
	return r.follow(peer, listedNodes(req.Header[XForwardedFor]))
}

// follow goes through nodes, the nearest first, to the first that is not a
// trusted proxy. A node that says nothing of use, such as "unknown", ends it at
// the proxy that said so.
func (r *Resolver) follow(client netip.Addr, nodes func(yield func(string) bool)) netip.Addr {
	hops := 0
	for node := range nodes {
		address, ok := parseNode(node)
		if hops++; !ok || hops > maxHops {
			return client
		}
		if client = address; !r.trusts(address) {
			return client
		}
	}
	return client
}

func (r *Resolver) trusts(a netip.Addr) bool {
	for _, p := range r.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseNode reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1] or [2001:db8::1]:80.
func parseNode(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	address, err := netip.ParseAddr(text)
	if err != nil {
		host := text
		if inner, ok := strings.CutPrefix(text, "["); ok {
			var rest string
			if host, rest, ok = strings.Cut(inner, "]"); !ok || rest != "" && !isPort(rest) || !strings.Contains(host, ":") {
				return netip.Addr{}, false
			}
		} else if i := strings.IndexByte(text, ':'); i >= 0 && isPort(text[i:]) {
			host = text[:i]
		}
		if address, err = netip.ParseAddr(host); err != nil {
			return netip.Addr{}, false
		}
	}
	return address.Unmap().WithZone(""), true
}

// isPort says whether text is a colon and a port, or a hidden port (RFC 7239,
// section 6.3).
func isPort(text string) bool {
	port, ok := strings.CutPrefix(text, ":")
	return ok && port != "" && !strings.ContainsAny(port, ":[]")
}

// listedNodes gives the members of X-Forwarded-For, the last first.
func listedNodes(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				var node string
				if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
					rest, node = rest[:comma], rest[comma+1:]
				} else {
					node, more = rest, false
				}
				if !yield(node) {
					return
				}
			}
		}
	}
}
