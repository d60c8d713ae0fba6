package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An entity tag (RFC 9110, section 8.8.3) is strong: it is made of the result's
// version, where it has one, and of a hash of the body, `"7.Rr0mLYNo"`. So a
// part of the body that comes from elsewhere, such as a product's stock, changes
// the tag although the version stays. A change needs only the version to match:
// who changes a product's name does not care that its stock went down.

func entityTag(version string, body []byte) string {
	sum := sha256.Sum256(body)
	hash := base64.RawURLEncoding.EncodeToString(sum[:9])
	if version != "" {
		return `"` + version + "." + hash + `"`
	}
	return `"` + hash + `"`
}

// notModified tells whether If-None-Match names the tag (weak comparison, RFC
// 9110, section 13.1.2).
func notModified(r *http.Request, tag string) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		for _, each := range strings.Split(line, ",") {
			each = strings.TrimSpace(each)
			if each == "*" || strings.TrimPrefix(each, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// readIfMatch turns If-Match into the version the operation expects.
func (q *request) readIfMatch() *problem {
	given := strings.TrimSpace(strings.Join(q.http.Header.Values("If-Match"), ","))
	if given == "" || q.route.reads() {
		return nil
	}
	v := q.route.takes(inIfMatch)
	failed := func(format string, arguments ...any) *problem {
		return &problem{problemKind: preconditionFailed, detail: fmt.Sprintf(format, arguments...)}
	}
	if v == nil {
		return failed("%s %s changes nothing that has an entity tag; leave If-Match out", q.route.method, q.route.path)
	}
	q.ifMatch = true
	switch {
	case given == "*": // any present version will do
		return nil
	case strings.HasPrefix(given, "W/"):
		return failed("If-Match compares strongly, and %s is a weak entity tag", given)
	case len(given) < 2 || given[0] != '"' || given[len(given)-1] != '"' || strings.Contains(given[1:len(given)-1], `"`):
		return &problem{problemKind: brokenHeader, detail: fmt.Sprintf(`If-Match is %s; give one entity tag as an ETag header gave it, such as "7.Rr0mLYNo", or *`, given),
			errors: []violation{{In: "header", Name: "If-Match", Detail: "must be one entity tag in double quotes, or *"}}}
	}
	version, _, _ := strings.Cut(strings.Trim(given, `"`), ".")
	n, err := strconv.ParseInt(version, 10, 32)
	if err != nil {
		return failed("%s is no entity tag of this resource's", given)
	}
	q.set(v.name, strconv.AppendInt(nil, n, 10))
	return nil
}
