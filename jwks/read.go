package jwks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	// maxKeys bounds the keys kept of a set.
	maxKeys = 256
	// maxQuoted bounds what a log line or an error quotes of a key.
	maxQuoted = 120
)

// read parses a JWK Set. Of its keys it keeps the public ones that are for
// signatures. A key that is not understood or has values out of range is left
// out (RFC 7517, section 5), and leftOut has a line for it. The error is for
// what is no JWK Set, or has keys of which none can be used.
func read(body []byte) (keys jwk.Set, leftOut []string, err error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
		Type string            `json:"kty"`
	}
	// RFC 8259, section 8.1: a parser may ignore a byte order mark.
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	if document.Keys == nil && document.Type != "" { // a single key stands for a set of one
		document.Keys = []json.RawMessage{body}
	}
	if document.Keys == nil {
		return nil, nil, errors.New(`not a JWK Set: it has no member "keys"`)
	}
	keys = jwk.NewSet()
	for i, raw := range document.Keys {
		if keys.Len() == maxKeys {
			leftOut = append(leftOut, fmt.Sprintf("keys after the first %d", maxKeys))
			break
		}
		key, err := readKey(raw)
		if err == nil {
			err = keys.AddKey(key)
		}
		switch {
		case errors.Is(err, errOtherUse): // usual, and nothing to worry about
		case err != nil && len(leftOut) < maxKeys:
			leftOut = append(leftOut, fmt.Sprintf("%s: %s", nameKey(i, raw), shorten(err.Error())))
		}
	}
	if keys.Len() == 0 && len(leftOut) > 0 {
		return nil, leftOut, fmt.Errorf("none of the %d keys can be used: %s", len(document.Keys), leftOut[0])
	}
	return keys, leftOut, nil
}

// errOtherUse is for keys that encrypt.
var errOtherUse = errors.New("the key is not for signatures")

// readKey reads one key of a set.
func readKey(raw json.RawMessage) (jwk.Key, error) {
	// A key for encryption may be of a type that is not known here, and that
	// is no concern of signatures.
	var use struct {
		Use string `json:"use"`
	}
	if err := json.Unmarshal(raw, &use); err == nil && use.Use != "" && use.Use != jwk.ForSignature.String() {
		return nil, errOtherUse
	}
	if string(raw) == "null" {
		return nil, errors.New("the key is null")
	}
	key, err := jwk.ParseKey(raw)
	if err != nil {
		return nil, err
	}
	if key.KeyType() == jwa.OctetSeq() {
		return nil, errors.New("a symmetric key cannot verify: whoever can read it can sign")
	}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	// Only exporting finds some values out of range, such as a point that is
	// not on its curve.
	var exported any
	if err := jwk.Export(public, &exported); err != nil {
		return nil, err
	}
	if stated, ok := public.Algorithm(); ok {
		algorithm, known := jwa.LookupSignatureAlgorithm(stated.String())
		if !known || !fits(public, algorithm) {
			return nil, fmt.Errorf("alg %s does not go with the key, or is not supported", shorten(stated.String()))
		}
	}
	return public, nil
}

// nameKey names a key of a set for the log.
func nameKey(index int, raw json.RawMessage) string {
	var named struct {
		ID string `json:"kid"`
	}
	if err := json.Unmarshal(raw, &named); err != nil || named.ID == "" {
		return fmt.Sprintf("keys[%d]", index)
	}
	return fmt.Sprintf("keys[%d] (kid %q)", index, shorten(named.ID))
}

func shorten(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "…"
	}
	return s
}
