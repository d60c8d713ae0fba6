package rest

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"souk/router/internal/accept"
)

// acceptsJSON reports whether an Accept header allows application/json in UTF-8 (RFC 9110,
// section 12.5.1). The most specific matching range decides; among equally specific ones, the
// one with the highest weight.
func acceptsJSON(r *http.Request) bool {
	specificity, best, members := -1, 0, 0
	accept.Each(r.Header.Values("Accept"), func(name, parameters string, weight int) {
		members++
		how := -1
		switch name {
		case "application/json":
			charset, given := accept.Parameter(parameters, "charset")
			switch {
			case !given:
				how = 2
			case strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8"):
				how = 3
			}
		case "application/*":
			how = 1
		case "*/*", "*":
			how = 0
		}
		if how > specificity || how == specificity && how >= 0 && weight > best {
			specificity, best = how, weight
		}
	})
	return members == 0 || best > 0
}

func notAcceptable(r *http.Request) *problem {
	return &problem{problemKind: unacceptable, detail: fmt.Sprintf("The response is application/json, which Accept %q does not allow.", strings.Join(r.Header.Values("Accept"), ", "))}
}

// checkContentType returns a problem if Content-Type is not JSON in UTF-8.
func checkContentType(r *http.Request) *problem {
	given := r.Header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(given)
	charset := parameters["charset"]
	json := kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
	if err == nil && json && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	detail := fmt.Sprintf("The body must be application/json in UTF-8, but Content-Type is %q.", given)
	if given == "" {
		detail = "Content-Type is missing. It must be application/json."
	}
	return (&problem{problemKind: unsupportedMediaType, detail: detail}).
		withHeader("Accept-Post", "application/json")
}
