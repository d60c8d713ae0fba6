package identity

import (
	"net"
	"net/http"
	"net/netip"
)

// ClientAddressHeader is the header in which the router states the address of
// the client (client_address.subgraph_header). Only the router and the other
// services can reach a service, so it is trusted.
const ClientAddressHeader = "Souk-Client-Address"

// networkBits is how much of an IPv6 address counts: one client can have all
// addresses of its /64 network.
const networkBits = 64

// client returns the client of a request: as the router states it, or the peer.
func client(r *http.Request) string {
	text := r.Header.Get(ClientAddressHeader)
	if text == "" {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			return ""
		}
		text = host
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return ""
	}
	if address = address.Unmap().WithZone(""); address.Is6() {
		if network, err := address.Prefix(networkBits); err == nil {
			return network.String()
		}
	}
	return address.String()
}
