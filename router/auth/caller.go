package auth

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwt"
)

// A Caller is the authenticated sender of a request. It must not be modified.
type Caller struct {
	// Subject is the sub claim, Issuer the iss claim (RFC 7519, section 4.1).
	Subject, Issuer string
	// Scopes has the scopes in the scope claim (RFC 9068, section 2.2.3) and the scp
	// claim.
	Scopes []string
	// Roles has the roles claim, Policies the policies claim.
	Roles, Policies []string
	// Claims has all claims, as encoding/json decodes them.
	Claims map[string]any
	// Token is the token itself.
	Token string
	// Expires is the expiry of the token (exp). It is zero if there is none.
	Expires time.Time
}

// Scope returns a key that identifies the caller, for data that is private to callers.
// It combines issuer and subject, because a subject is unique only within its issuer
// (RFC 7519, section 4.1.2). It is empty for an anonymous caller (nil) and for a token
// without a subject.
func (c *Caller) Scope() string {
	if c == nil || c.Subject == "" {
		return ""
	}
	return c.Issuer + "\n" + c.Subject
}

// ScopeBy is like Scope, but callers with equal claims are the same. It is empty for an anonymous
// caller, and for one without the first claim.
func (c *Caller) ScopeBy(claims []string) string {
	if c.Claim(claims[0]) == "" {
		return ""
	}
	scope := strconv.AppendQuote(nil, c.Issuer)
	for _, name := range claims {
		scope = append(strconv.AppendQuote(append(scope, ' '), name), '=')
		scope = strconv.AppendQuote(scope, c.Claim(name))
	}
	return string(scope)
}

// Claim returns the text of a claim, or "" if the caller is anonymous or has no such claim. name
// is its name, or its path, such as realm.roles, if there is none of that name. A list is as
// [JoinItems] writes it; an object is JSON.
func (c *Caller) Claim(name string) string {
	if c == nil {
		return ""
	}
	value, ok := c.Claims[name]
	if !ok {
		value = any(c.Claims)
		for part := range strings.SplitSeq(name, ".") {
			object, _ := value.(map[string]any)
			value = object[part]
		}
	}
	return claimText(value)
}

func claimText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time: // such as exp
		return strconv.FormatInt(v.Unix(), 10)
	case []string:
		return JoinItems(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = claimText(item)
		}
		return JoinItems(items)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// itemEscapes keep the items of a list apart.
var itemEscapes = strings.NewReplacer("%", "%25", ",", "%2C")

// JoinItems returns the items of a list, separated by commas. In an item, a comma is %2C and a percent
// sign is %25: nobody can add an item by putting a comma into another one.
func JoinItems(items []string) string {
	escaped := make([]string, len(items))
	for i, item := range items {
		escaped[i] = itemEscapes.Replace(item)
	}
	return strings.Join(escaped, ",")
}

// Expired reports whether the caller's token has expired, which can happen on a
// long-lived connection. An anonymous caller (nil) and one without Expires never
// expire.
func (c *Caller) Expired(now time.Time, leeway time.Duration) bool {
	return c != nil && !c.Expires.IsZero() && !now.Before(c.Expires.Add(leeway))
}

type contextKey struct{}

// With returns a copy of ctx with a caller.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the caller in ctx, or nil if the request is anonymous.
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

// NewCaller returns a Caller for claims that have been verified elsewhere. The claims
// are as encoding/json decodes them. NewCaller does not verify anything.
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

// readClaims sets the fields that come from non-standard claims.
func (c *Caller) readClaims() {
	c.Scopes = append(words(c.Claims["scope"]), words(c.Claims["scp"])...)
	c.Roles = words(c.Claims["roles"])
	c.Policies = words(c.Claims["policies"])
}

// words reads a claim that is a list of strings or a string of words separated by
// spaces.
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
