package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwt"
)

// A Caller is somebody whose token was verified. It must not be changed.
type Caller struct {
	// Subject is the sub claim, Issuer the iss claim.
	Subject, Issuer string
	// Scopes are those of the claim scope (words, RFC 9068) or scp.
	Scopes []string
	// Roles are those of the claim roles, Policies those of policies.
	Roles, Policies []string
	// Claims are all claims, as JSON decodes them.
	Claims map[string]any
	// Token is the token itself.
	Token string
	// Expires is when the token ends.
	Expires time.Time
}

// Scope tells callers apart for what is private to them: the subject with its
// issuer, which alone makes it unique (RFC 7519, section 4.1.2). It is empty
// for nobody and for a token without a subject.
func (c *Caller) Scope() string {
	if c == nil || c.Subject == "" {
		return ""
	}
	return c.Issuer + "\n" + c.Subject
}

// Expired says whether a caller's token has ended, which it may have on a
// connection since it was verified. Nobody (nil), and a caller without an end, do
// not expire.
func (c *Caller) Expired(now time.Time, leeway time.Duration) bool {
	return c != nil && !c.Expires.IsZero() && !now.Before(c.Expires.Add(leeway))
}

type contextKey struct{}

// With puts a caller into a context.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From is the caller of a request; nil for nobody known.
func From(ctx context.Context) *Caller {
	c, _ := ctx.Value(contextKey{}).(*Caller)
	return c
}

func newCaller(token string, t jwt.Token) (*Caller, error) {
	c := &Caller{Token: token, Claims: map[string]any{}}
	for _, name := range t.Keys() {
		var value any
		if err := t.Get(name, &value); err != nil {
			return nil, err
		}
		c.Claims[name] = value
	}
	c.Subject, _ = t.Subject()
	c.Issuer, _ = t.Issuer()
	c.Expires, _ = t.Expiration()
	c.readClaims()
	return c, nil
}

// NewCaller makes a Caller of the claims of a token, as JSON decodes them, that
// somebody else has verified.
func NewCaller(claims map[string]any) *Caller {
	c := &Caller{Claims: claims}
	c.Subject, _ = claims["sub"].(string)
	c.Issuer, _ = claims["iss"].(string)
	if seconds, ok := claims["exp"].(float64); ok {
		c.Expires = time.Unix(int64(seconds), 0)
	}
	c.readClaims()
	return c
}

// readClaims fills in what is in claims of no standard form.
func (c *Caller) readClaims() {
	c.Scopes = append(words(c.Claims["scope"]), words(c.Claims["scp"])...)
	c.Roles = words(c.Claims["roles"])
	c.Policies = words(c.Claims["policies"])
}

// words reads a claim that is a list of strings, or a string of words.
func words(claim any) []string {
	switch v := claim.(type) {
	case string:
		return strings.Fields(v)
	case []string:
		return slices.Clone(v)
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}
