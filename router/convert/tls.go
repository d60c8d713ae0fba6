package convert

import (
	"regexp"
	"slices"
	"strings"
)

var fileReference = regexp.MustCompile(`^\$\{file\.([^}]+)\}$`)

// tlsFile copies the path in a reference such as ${file./etc/tls/key.pem}.
func (c *conversion) tlsFile(n *node, path ...string) {
	if n == nil || n.isNull {
		return
	}
	text, _ := n.scalar()
	match := fileReference.FindStringSubmatch(text)
	if match == nil {
		c.note(n, None, "", "TLS takes the path of a file, in which the value then is")
		return
	}
	c.set(n, c.quote(match[1]), path...)
}

// apolloServerTLS converts tls.supergraph of Apollo Router.
func apolloServerTLS(c *conversion, n *node, _ []string) {
	c.tlsFile(n.get("certificate"), "tls", "cert_file")
	c.tlsFile(n.get("key"), "tls", "key_file")
	if chain := n.get("certificate_chain"); chain != nil && !chain.isNull {
		c.note(chain, None, "", "append the chain to the certificate, in the file of tls.cert_file")
		c.notes[len(c.notes)-1].minor = true
	}
	c.others(n, "see tls in docs/router.yaml", "certificate", "key", "certificate_chain")
}

// apolloClientTLS converts tls.subgraph.all or one of tls.subgraph.subgraphs.
func apolloClientTLS(scope string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		c.apolloClientFiles(n, "traffic_shaping.*.tls", append(fill("traffic_shaping."+scope, names), "tls")...)
	}, "names of files, not their contents", "traffic_shaping."+scope+".tls")
}

// apolloClientFiles converts the certificates of a client. block is the name of the path for messages.
func (c *conversion) apolloClientFiles(n *node, block string, path ...string) {
	at := func(key string) []string { return append(slices.Clone(path), key) }
	see := "see " + block + " in docs/router.yaml"
	c.tlsFile(n.get("certificate_authorities"), at("ca_file")...)
	if own := n.get("client_authentication"); own != nil {
		c.tlsFile(own.get("certificate_chain"), at("cert_file")...)
		c.tlsFile(own.get("key"), at("key_file")...)
		c.others(own, see, "certificate_chain", "key")
	}
	c.others(n, see, "certificate_authorities", "client_authentication")
}

// cosmoServerTLS converts tls.server of Cosmo Router.
func cosmoServerTLS(c *conversion, n *node, _ []string) {
	if !n.get("enabled").is("true") {
		c.note(n, Converted, "", "it is not enabled")
		return
	}
	c.copy(n.get("cert_file"), asText, "tls", "cert_file")
	c.copy(n.get("key_file"), asText, "tls", "key_file")
	if client := n.get("client_auth"); client != nil {
		c.copy(client.get("cert_file"), asText, "tls", "client_ca_file")
		c.copy(client.get("required"), words(map[string]string{"true": "required", "false": "optional"}), "tls", "client_certificates")
		c.others(client, "see tls in docs/router.yaml", "cert_file", "required")
	}
	c.others(n, "see tls in docs/router.yaml", "enabled", "cert_file", "key_file", "client_auth")
}

// cosmoClientTLS converts tls.client.all or one of tls.client.subgraphs.
func cosmoClientTLS(scope string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		path := append(fill("traffic_shaping."+scope, names), "tls")
		for from, to := range map[string]string{"cert_file": "cert_file", "key_file": "key_file", "ca_file": "ca_file"} {
			c.copy(n.get(from), asText, append(slices.Clone(path), to)...)
		}
		c.copy(n.get("insecure_skip_ca_verification"), plain, append(slices.Clone(path), "insecure_skip_verify")...)
		c.others(n, "see traffic_shaping.*.tls in docs/router.yaml", "cert_file", "key_file", "ca_file", "insecure_skip_ca_verification")
	}, "", "traffic_shaping."+scope+".tls")
}

// hiveServerTLS converts traffic_shaping.router.tls of Hive Router, which requires client
// certificates unless it says otherwise.
func hiveServerTLS(c *conversion, n *node, _ []string) {
	const see = "see tls in docs/router.yaml"
	c.oneFile(n.get("cert_file"), "tls", "cert_file")
	c.copy(n.get("key_file"), asText, "tls", "key_file")
	if client := n.get("client_auth"); client != nil {
		c.oneFile(client.get("cert_file"), "tls", "client_ca_file")
		c.copy(client.get("required"), words(map[string]string{"true": "required", "false": "optional"}), "tls", "client_certificates")
		c.others(client, see, "cert_file", "required")
	}
	c.others(n, see, "cert_file", "key_file", "client_auth")
}

// hiveClientTLS converts traffic_shaping.all.tls or that of one subgraph. Its cert_file has the
// certificate authorities.
func hiveClientTLS(scope string) rule {
	return custom(func(c *conversion, n *node, names []string) {
		const see = "see traffic_shaping.*.tls in docs/router.yaml"
		path := append(fill("traffic_shaping."+scope, names), "tls")
		at := func(key string) []string { return append(slices.Clone(path), key) }
		c.oneFile(n.get("cert_file"), at("ca_file")...)
		if own := n.get("client_auth"); own != nil {
			c.oneFile(own.get("cert_file"), at("cert_file")...)
			c.copy(own.get("key_file"), asText, at("key_file")...)
			c.others(own, see, "cert_file", "key_file")
		}
		c.copy(n.get("insecure_skip_ca_verification"), plain, at("insecure_skip_verify")...)
		c.others(n, see, "cert_file", "client_auth", "insecure_skip_ca_verification")
	}, "one file for each", "traffic_shaping."+scope+".tls")
}

// oneFile copies the path of a file, or that of a list with one.
func (c *conversion) oneFile(n *node, path ...string) {
	if n != nil && n.isList && len(n.children) == 1 {
		n = n.children[0]
	}
	if n != nil && n.isList && len(n.children) > 1 {
		c.note(n, None, "", "%s is one file: append the files to each other", strings.Join(path, "."))
		return
	}
	c.copy(n, asText, path...)
}
