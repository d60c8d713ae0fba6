package rest

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// acceptsJSON tells whether an Accept header allows application/json (RFC 9110,
// section 12.5.1): the most specific range that matches decides.
func acceptsJSON(r *http.Request) bool {
	lines := r.Header.Values("Accept")
	if len(lines) == 0 {
		return true
	}
	specificity, quality := -1, 0.0
	for _, each := range strings.Split(strings.Join(lines, ","), ",") {
		kind, parameters, err := mime.ParseMediaType(each)
		if err != nil {
			continue
		}
		how := -1
		switch kind {
		case "application/json":
			how = 2
		case "application/*":
			how = 1
		case "*/*":
			how = 0
		}
		if how <= specificity {
			continue
		}
		specificity, quality = how, 1
		if q, err := strconv.ParseFloat(parameters["q"], 64); err == nil {
			quality = q
		}
	}
	return quality > 0
}

func notAcceptable(r *http.Request) *problem {
	return &problem{problemKind: unacceptable, detail: fmt.Sprintf("the answer is application/json, which Accept %q does not allow", r.Header.Get("Accept"))}
}

// checkContentType refuses a body that is not said to be JSON.
func checkContentType(r *http.Request) *problem {
	given := r.Header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(given)
	charset := parameters["charset"]
	json := kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
	encoding := r.Header.Get("Content-Encoding")
	if err == nil && json && (charset == "" || strings.EqualFold(charset, "utf-8")) && (encoding == "" || strings.EqualFold(encoding, "identity")) {
		return nil
	}
	detail := fmt.Sprintf("the body must be application/json in UTF-8; Content-Type is %q", given)
	switch {
	case given == "":
		detail = "the body must be application/json; there is no Content-Type"
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		detail = fmt.Sprintf("the body must not be encoded; Content-Encoding is %q", encoding)
	}
	return (&problem{problemKind: unsupportedMediaType, detail: detail}).
		withHeader("Accept-Post", "application/json")
}
