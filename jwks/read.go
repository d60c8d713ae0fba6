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
	// maxKeys bounds the number of keys in a set.
	maxKeys = 256
	// maxQuoted bounds the bytes of a key quoted in a log line or an error.
	maxQuoted = 120
)

// read parses a JWK Set and returns its public signature keys. It skips keys that it
// does not understand or that have values out of range (RFC 7517, section 5), with a
// line in skipped for each. It returns an error if the document is not a JWK Set or
// has keys but no usable one.
func read(body []byte) (keys jwk.Set, skipped []string, err error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
		Type string            `json:"kty"`
	}
	// RFC 8259, section 8.1: a parser may ignore a byte order mark.
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))
	if err := json.Unmarshal(body, &document); err != nil {
		return nil, nil, fmt.Errorf("not a JWK Set: %w", err)
	}
	if document.Keys == nil && document.Type != "" { // accept a single key as a set of one
		document.Keys = []json.RawMessage{body}
	}
	if document.Keys == nil {
		return nil, nil, errors.New(`not a JWK Set: it has no member "keys"`)
	}
	keys = jwk.NewSet()
	for i, raw := range document.Keys {
		if keys.Len() == maxKeys {
			skipped = append(skipped, fmt.Sprintf("keys after the first %d", maxKeys))
			break
		}
		key, err := readKey(raw)
		if err == nil {
			err = keys.AddKey(key)
		}
		switch {
		case errors.Is(err, errOtherUse): // common and harmless
		case err != nil && len(skipped) < maxKeys:
			skipped = append(skipped, fmt.Sprintf("%s: %s", nameKey(i, raw), shorten(err.Error())))
		}
	}
	if keys.Len() == 0 && len(skipped) > 0 {
		return nil, skipped, fmt.Errorf("none of the %d keys is usable: %s", len(document.Keys), skipped[0])
	}
	return keys, skipped, nil
}

// errOtherUse is returned for encryption keys.
var errOtherUse = errors.New("the key is not for signatures")

// readKey reads one key of a set.
func readKey(raw json.RawMessage) (jwk.Key, error) {
	// Check the use first: the type of an encryption key may be unknown here,
	// which does not matter for signatures.
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
		return nil, errors.New("symmetric keys are not accepted: everyone who can read the key can sign with it")
	}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, err
	}
	// Some values out of range, such as a point that is not on its curve, are
	// detected only on export.
	var exported any
	if err := jwk.Export(public, &exported); err != nil {
		return nil, err
	}
	if stated, ok := public.Algorithm(); ok {
		algorithm, known := jwa.LookupSignatureAlgorithm(stated.String())
		if !known || !fits(public, algorithm) {
			return nil, fmt.Errorf("alg %s does not match the key type or is not supported", shorten(stated.String()))
		}
	}
	return public, nil
}

// nameKey describes a key of a set for the log.
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
