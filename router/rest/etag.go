package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// entityTag returns a strong entity tag (RFC 9110, section 8.8.3). It consists of the version
// of the result, if it has one, and a hash of the body: `"7.Rr0mLYNo"`. A part of the body that
// comes from another service, such as the stock of a product, changes the tag although the
// version stays the same. If-Match compares only the version: a change of the product's name
// need not fail because its stock went down.
func entityTag(version string, body []byte) string {
	sum := sha256.Sum256(body)
	hash := base64.RawURLEncoding.EncodeToString(sum[:9])
	if version != "" {
		return `"` + version + "." + hash + `"`
	}
	return `"` + hash + `"`
}

// A tag is one member of If-Match or If-None-Match.
type tag struct {
	opaque string // including the quotes
	weak   bool
}

// parseTags parses the field lines of If-Match or If-None-Match (RFC 9110, sections 13.1.1 and
// 13.1.2): a list of entity tags, or *, which sets anyTag. ok is false for anything else. A tag
// may contain a comma inside its quotes.
func parseTags(lines []string) (tags []tag, anyTag, ok bool) {
	rest := strings.Join(lines, ",")
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return tags, anyTag, !anyTag || len(tags) == 0
		}
		if after, found := strings.CutPrefix(rest, "*"); found {
			anyTag, rest = true, after
		} else {
			opaque, weak := strings.CutPrefix(rest, "W/")
			end := -1
			if strings.HasPrefix(opaque, `"`) {
				end = strings.IndexByte(opaque[1:], '"')
			}
			if end < 0 {
				return nil, false, false
			}
			tags = append(tags, tag{opaque[:end+2], weak})
			rest = opaque[end+2:]
		}
		rest = strings.TrimLeft(rest, " \t")
		if rest != "" && rest[0] != ',' {
			return nil, false, false
		}
	}
}

// notModified reports whether If-None-Match contains the tag, by weak comparison.
func notModified(r *http.Request, current string) bool {
	tags, anyTag, ok := parseTags(r.Header.Values("If-None-Match"))
	return ok && (anyTag || slices.ContainsFunc(tags, func(t tag) bool { return t.opaque == current }))
}

// maxVersions bounds the versions in one If-Match header. The operation may have to run once
// for each.
const maxVersions = 10

// readIfMatch converts If-Match to the versions that the operation may expect.
func (q *request) readIfMatch() *problem {
	lines := q.http.Header.Values("If-Match")
	given := strings.TrimSpace(strings.Join(lines, ", "))
	if given == "" || q.route.reads() {
		return nil
	}
	failed := func(format string, arguments ...any) *problem {
		return &problem{problemKind: preconditionFailed, detail: fmt.Sprintf(format, arguments...)}
	}
	if q.route.variableFrom(fromIfMatch) == nil {
		return failed("%s %s does not support If-Match, because its resource has no entity tag. Omit the header.", q.route.method, q.route.path)
	}
	tags, anyTag, ok := parseTags(lines)
	switch {
	case !ok:
		return &problem{problemKind: brokenHeader, detail: fmt.Sprintf(`If-Match is %s. It must be a comma-separated list of entity tags from ETag headers, such as "7.Rr0mLYNo", or *.`, given),
			errors: []violation{{In: "header", Name: "If-Match", Detail: "must be a list of entity tags in double quotes, or *"}}}
	case anyTag: // any current version matches
		return nil
	}
	for _, t := range tags {
		version, _, _ := strings.Cut(strings.Trim(t.opaque, `"`), ".")
		n, err := strconv.ParseInt(version, 10, 32)
		if !t.weak && err == nil && !slices.Contains(q.versions, n) {
			q.versions = append(q.versions, n)
		}
	}
	switch {
	case len(q.versions) > maxVersions:
		return &problem{problemKind: brokenHeader, detail: fmt.Sprintf("If-Match names %d versions, at most %d are allowed.", len(q.versions), maxVersions),
			errors: []violation{{In: "header", Name: "If-Match", Detail: fmt.Sprintf("must not name more than %d versions", maxVersions)}}}
	case len(q.versions) == 0 && slices.ContainsFunc(tags, func(t tag) bool { return t.weak }):
		return failed("If-Match uses strong comparison, so the weak entity tag in %s never matches.", given)
	case len(q.versions) == 0:
		return failed("%s contains no entity tag of this resource.", given)
	}
	q.expect(q.versions[0])
	return nil
}

// expect sets the version that the operation expects.
func (q *request) expect(version int64) {
	q.set(q.route.variableFrom(fromIfMatch).name, strconv.AppendInt(nil, version, 10))
}
