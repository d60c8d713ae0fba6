package usage

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// Dates are those of a deprecated element. A zero date is not known.
type Dates struct{ Since, Sunset time.Time }

// written are the forms of dates in the reason of @deprecated: "since 2026-01-15" and "sunset
// 2027-01-15", in any case, with a colon or the word on before the date.
var written = regexp.MustCompile(`(?i)\b(since|sunset):?(?: on)? (\d{4}-\d{2}-\d{2})\b`)

func parseDates(reason string) (d Dates) {
	for _, match := range written.FindAllStringSubmatch(reason, -1) {
		at, err := time.Parse(time.DateOnly, match[2])
		switch {
		case err != nil:
		case match[1][1] == 'i' || match[1][1] == 'I':
			d.Since = at
		default:
			d.Sunset = at
		}
	}
	return d
}

// Headers sets the headers Deprecation (RFC 9745) and Sunset (RFC 8594) of a response that
// depends on the deprecated elements, of which there may be none. The earliest dates count. An
// element whose date is not known has been deprecated since the beginning.
func (e *Elements) Headers(h http.Header, given []string) {
	if e == nil {
		return
	}
	found, all := false, Dates{}
	add := func(coordinate string) {
		d, ok := e.schema.Dates(coordinate)
		if !ok {
			return
		}
		if !found || d.Since.Before(all.Since) {
			all.Since = d.Since
		}
		if found = true; !d.Sunset.IsZero() && (all.Sunset.IsZero() || d.Sunset.Before(all.Sunset)) {
			all.Sunset = d.Sunset
		}
	}
	for _, coordinate := range e.Deprecated {
		add(coordinate)
	}
	for _, coordinate := range given {
		add(coordinate)
	}
	if !found {
		return
	}
	since := int64(0)
	if !all.Since.IsZero() {
		since = all.Since.Unix()
	}
	h["Deprecation"] = []string{"@" + strconv.FormatInt(since, 10)}
	if !all.Sunset.IsZero() {
		h["Sunset"] = []string{all.Sunset.UTC().Format(http.TimeFormat)}
	}
}
