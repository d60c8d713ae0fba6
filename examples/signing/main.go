// Command signing is Souk with a signature on every request to a subgraph, so
// that subgraphs can refuse what does not come from the router.
//
// SIGNING_KEY is the key that the router shares with the subgraphs.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"time"

	"souk/cli"
	"souk/router"
	"souk/router/hook"
)

func main() { os.Exit(cli.Main(cli.WithName("souk-signing"), cli.WithExtensions(extend))) }

func extend(x *router.Extensions) error {
	key := os.Getenv("SIGNING_KEY")
	if len(key) < 32 {
		return errors.New("SIGNING_KEY must have 32 characters or more")
	}
	s := &signer{key: []byte(key), now: time.Now}
	x.Hooks = append(x.Hooks, hook.Hooks{Name: "signing", SubgraphRequest: s.sign})
	return nil
}

// A signer signs requests to subgraphs.
type signer struct {
	key []byte
	now func() time.Time
}

// The headers of a signed request.
const (
	timeHeader      = "X-Signature-Time" // seconds since 1970
	signatureHeader = "X-Signature"
)

// sign adds the time, and a signature of it, of the subgraph's name and of the
// body. It should be the last hook: what later ones change is not signed.
//
// The time is a full minute. A time that differs from request to request would
// keep the router from sending equal queries once.
func (s *signer) sign(_ context.Context, r *hook.SubgraphRequest) error {
	at := strconv.FormatInt(s.now().Truncate(time.Minute).Unix(), 10)
	r.Header.Set(timeHeader, at)
	r.Header.Set(signatureHeader, signature(s.key, at, r.Subgraph, r.Body))
	return nil
}

// signature is the HMAC-SHA256 of what is signed, in hex.
func signature(key []byte, at, subgraph string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(at + "\n" + subgraph + "\n")) // a hash does not fail
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
