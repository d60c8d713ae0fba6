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

// A tag is one member of If-Match or If-None-Match.
type tag struct {
	opaque string // with its quotes
	weak   bool
}

// parseTags reads If-Match or If-None-Match (RFC 9110, sections 13.1.1 and
// 13.1.2), given as its lines: a list of entity tags, or *, which is any. It
// gives false for what is neither. A tag may have a comma inside its quotes.
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

// notModified tells whether If-None-Match names the tag by weak comparison.
func notModified(r *http.Request, current string) bool {
	tags, anyTag, ok := parseTags(r.Header.Values("If-None-Match"))
	return ok && (anyTag || slices.ContainsFunc(tags, func(t tag) bool { return t.opaque == current }))
}

// maxVersions bounds the entity tags of one If-Match header: each is a version
// that the operation may have to be tried with.
const maxVersions = 10

// readIfMatch turns If-Match into the versions the operation may expect.
func (q *request) readIfMatch() *problem {
	lines := q.http.Header.Values("If-Match")
	given := strings.TrimSpace(strings.Join(lines, ", "))
	if given == "" || q.route.reads() {
		return nil
	}
	failed := func(format string, arguments ...any) *problem {
		return &problem{problemKind: preconditionFailed, detail: fmt.Sprintf(format, arguments...)}
	}
	if q.route.takes(inIfMatch) == nil {
		return failed("%s %s changes nothing that has an entity tag. Leave If-Match out.", q.route.method, q.route.path)
	}
	q.ifMatch = true
	tags, anyTag, ok := parseTags(lines)
	switch {
	case !ok:
		return &problem{problemKind: brokenHeader, detail: fmt.Sprintf(`If-Match is %s. Give entity tags as ETag headers gave them, such as "7.Rr0mLYNo", separated by commas, or *.`, given),
			errors: []violation{{In: "header", Name: "If-Match", Detail: "must be a list of entity tags in double quotes, or *"}}}
	case anyTag: // any present version will do
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
		return failed("If-Match compares strongly, so that the weak entity tag in %s never matches.", given)
	case len(q.versions) == 0:
		return failed("%s names no entity tag of this resource.", given)
	}
	q.expect(q.versions[0])
	return nil
}

// expect makes the operation depend on a version.
func (q *request) expect(version int64) {
	q.set(q.route.takes(inIfMatch).name, strconv.AppendInt(nil, version, 10))
}
