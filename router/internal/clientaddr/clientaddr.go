// Package clientaddr finds the network address of the client that sent a request
// through trusted proxies.
//
// Each proxy appends the address of its peer to a header. The client may have sent
// anything before that, so the header is read from its end, and only as long as the
// addresses are those of trusted proxies. Only one of the two headers is read,
// because a proxy forwards the header that it does not write unchanged.
//
// The library realclientip/realclientip-go is not used: it parses the whole header,
// which a client can make hundreds of kilobytes long, and does not check the peer.
//
// The gateway uses it in several stages, such as the rate limit. The hub is
// clientaddr.go, and forwarded.go parses the header Forwarded.
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
	// maxHops bounds the number of proxies to follow.
	maxHops = 32
	// maxLine bounds the length of a line of Forwarded in bytes. Longer lines
	// are ignored.
	maxLine = 4 << 10
)

// A Resolver determines client addresses. The zero Resolver trusts no proxies.
type Resolver struct {
	trusted   []netip.Prefix
	forwarded bool // read Forwarded instead of X-Forwarded-For
	unix      bool // trust peers on Unix sockets
}

// unixPeers stands for the peers on Unix sockets in a list of proxies.
const unixPeers = "unix"

// New returns a Resolver that trusts proxies at the given addresses or in the given
// networks, such as 10.0.0.0/8, and those on Unix sockets if "unix" is given. The header is XForwardedFor, Forwarded or "", which
// means XForwardedFor.
func New(proxies []string, header string) (*Resolver, error) {
	r := &Resolver{}
	switch http.CanonicalHeaderKey(header) {
	case XForwardedFor, "":
	case Forwarded:
		r.forwarded = true
	default:
		return nil, fmt.Errorf("the header %q is not supported for client addresses; use %s or %s", header, XForwardedFor, Forwarded)
	}
	for _, text := range proxies {
		if text == unixPeers {
			r.unix = true
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil {
				return nil, fmt.Errorf("%q is neither a network, such as 10.0.0.0/8, nor an address, nor unix", text)
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

// Of returns the address of the client that sent a request: the address of the peer,
// unless the peer is a trusted proxy. The result is invalid if there is none, such as on a
// Unix socket without a trusted proxy.
func (r *Resolver) Of(req *http.Request) netip.Addr {
	peer, ok := parseNode(req.RemoteAddr)
	if onUnix := !ok && r.unix && (req.RemoteAddr == "@" || req.RemoteAddr == ""); !onUnix && !r.Trusts(peer) {
		return peer
	}
	if r.forwarded {
		return r.follow(peer, forwardedNodes(req.Header[Forwarded]))
	}
	return r.follow(peer, listedNodes(req.Header[XForwardedFor]))
}

// follow returns the first node, from the nearest on, that is not a trusted proxy. At
// a node without a usable address, such as "unknown", it returns the proxy that
// reported the node.
func (r *Resolver) follow(client netip.Addr, nodes func(yield func(string) bool)) netip.Addr {
	hops := 0
	for node := range nodes {
		address, ok := parseNode(node)
		if hops++; !ok || hops > maxHops {
			return client
		}
		if client = address; !r.Trusts(address) {
			return client
		}
	}
	return client
}

// Trusts reports whether an address is that of a trusted proxy.
func (r *Resolver) Trusts(a netip.Addr) bool {
	for _, p := range r.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseNode parses an address with an optional port: 192.0.2.1, 192.0.2.1:80,
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

// isPort reports whether text is a colon followed by a port or an obfuscated port (RFC
// 7239, section 6.3).
func isPort(text string) bool {
	port, ok := strings.CutPrefix(text, ":")
	return ok && port != "" && !strings.ContainsAny(port, ":[]")
}

// listedNodes iterates over the elements of X-Forwarded-For, starting with the last.
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
