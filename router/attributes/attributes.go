package attributes

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"souk/router/auth"
	"souk/router/console/record"
	"souk/router/gateway/config"
	"souk/router/hook"
)

// A Source is what the values come from.
type Source struct {
	ctx context.Context
	// request and response are headers.
	request, response http.Header
	// operation is nil for a request that is no operation.
	operation *record.Operation
}

type headersKey struct{}

// headers are those of an HTTP request and of its response.
type headers struct{ request, response http.Header }

// Middleware keeps the headers of a request and its response for [From]. The client's headers are
// copied, because others may be added on the way.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := &headers{r.Header.Clone(), w.Header()}
		in := r.WithContext(context.WithValue(r.Context(), headersKey{}, h))
		next.ServeHTTP(w, in)
		r.Pattern = in.Pattern // for middleware around this one
	})
}

// From returns the source for an operation, or for a request without one if it is nil.
func From(ctx context.Context, o *record.Operation) *Source {
	s := &Source{ctx: ctx, operation: o}
	if h, ok := ctx.Value(headersKey{}).(*headers); ok {
		s.request, s.response = h.request, h.response
	}
	return s
}

// A Set has the attributes of a configuration.
type Set map[string]config.Attribute

// maxValue bounds a value in bytes.
const maxValue = 256

// Value returns the value of an attribute, or its default. It is cut to 256 bytes of valid UTF-8.
func (s Set) Value(name string, from *Source) string {
	a := s[name]
	text := from.value(a)
	if text == "" {
		text = a.Default
	}
	if len(text) > maxValue {
		text = text[:maxValue]
	}
	return strings.ToValidUTF8(text, "")
}

func (s *Source) value(a config.Attribute) string {
	switch a.From {
	case "static":
		return a.Key
	case "request_header":
		return strings.Join(s.request.Values(a.Key), ", ")
	case "response_header":
		return strings.Join(s.response.Values(a.Key), ", ")
	case "claim":
		return auth.From(s.ctx).Claim(a.Key)
	case "context":
		if e := hook.FromContext(s.ctx); e != nil {
			return e.ContextText(a.Key)
		}
	case "operation":
		if s.operation != nil {
			return ofOperation(s.operation, a.Key)
		}
	}
	return ""
}

// ofOperation returns what an operation says of itself.
func ofOperation(o *record.Operation, key string) string {
	switch key {
	case "carrier":
		return o.Carrier
	case "client_name":
		name, _ := o.ClientName()
		return name
	case "client_version":
		_, version := o.ClientName()
		return version
	case "errors":
		return strconv.FormatBool(o.Errors > 0)
	case "status":
		if o.Status == 0 {
			return strconv.Itoa(http.StatusOK)
		}
		return strconv.Itoa(o.Status)
	}
	d := o.Document
	if d == nil {
		return ""
	}
	switch key {
	case "name":
		return d.Name
	case "type":
		return d.Kind.String()
	case "hash":
		return d.Hash
	}
	return ""
}
