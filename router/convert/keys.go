package convert

import (
	"net/url"
	"strings"
)

// apolloKeys converts the key sets, and collects their algorithms.
func apolloKeys(c *conversion, n *node, _ []string) {
	for _, item := range n.children {
		made := c.keySet(item)
		if made == nil {
			continue
		}
		c.itemValue(keySets, made, item.get("issuer"), "issuer", plain)
		c.issuers(made, item.get("issuers"))
		c.itemValue(keySets, made, item.get("poll_interval"), "refresh", duration)
		c.audiences(made, item.get("audiences"))
		c.keyAlgorithms(made, item.get("algorithms"))
		c.keyHeaders(made, item.get("headers"))
		c.others(item, "see authentication.jwt.jwks in docs/router.yaml", "url", "issuer", "issuers", "poll_interval", "audiences", "algorithms", "headers")
	}
}

// keySet adds a key set with the URL of an item. It is nil if the URL cannot be used.
func (c *conversion) keySet(item *node) *branch {
	address := item.value("url")
	if path, ok := filePath(address); ok && c.expandable(item, path) {
		return c.newKeySet(item, "file", path)
	}
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "${") {
		c.note(item, None, "", "a key set needs a url that begins with http://, https:// or file://, or a file")
		return nil
	}
	if !c.expandable(item, address) {
		return nil
	}
	return c.newKeySet(item, "url", address)
}

// filePath returns the path of a file URL (RFC 8089).
func filePath(address string) (string, bool) {
	path, ok := strings.CutPrefix(address, "file://")
	path = strings.TrimPrefix(path, "localhost")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	return path, ok && path != ""
}

// newKeySet adds a key set with a url or a file.
func (c *conversion) newKeySet(item *node, key, value string) *branch {
	made := newBranch()
	made.at(key).text = c.quote(value)
	made.at(key).from = []string{c.paths[item]}
	list := c.out.at("authentication", "jwt", "jwks")
	list.isList, list.items = true, append(list.items, made)
	c.note(item, Converted, keySets, "")
	return made
}

// keySets is the list of key sets.
const keySets = "authentication.jwt.jwks"

// itemValue adds a value to an item of the list with a key.
func (c *conversion) itemValue(list string, made *branch, n *node, key string, change transform) {
	if n == nil || n.isNull {
		return
	}
	text, err := change(c, n)
	if err != nil {
		c.note(n, None, "", "%v", err)
		return
	}
	if !c.expandable(n, text) {
		return
	}
	made.at(key).text, made.at(key).from = text, []string{c.paths[n]}
	c.note(n, Converted, list+"."+key, "")
}

func (c *conversion) audiences(made *branch, n *node) {
	if n == nil || len(n.texts()) == 0 {
		return
	}
	at := made.at("audiences")
	at.isList, at.list, at.from = true, c.quoted(n.texts()), []string{c.paths[n]}
	c.note(n, Converted, keySets+".audiences", "")
}

// algorithms collects the signature algorithms, which apply to all key sets here. Those with
// shared secrets (HS256) are not supported.
func (c *conversion) algorithms(n *node) {
	if list := c.asymmetric(n); len(list) > 0 {
		c.add(n, c.quoted(list), "authentication", "jwt", "algorithms")
	}
}

// asymmetric returns the algorithms of a list that do not use a shared secret.
func (c *conversion) asymmetric(n *node) (list []string) {
	if n == nil {
		return nil
	}
	for _, name := range n.texts() {
		if strings.HasPrefix(name, "HS") {
			c.spare(n, "%s is not supported: a key that verifies such a token can make one, too", name)
			continue
		}
		list = append(list, name)
	}
	return list
}
