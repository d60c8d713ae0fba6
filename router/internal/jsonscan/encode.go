package jsonscan

import (
	"bytes"
	"encoding/json"
)

// Marshal is like [json.Marshal], but does not escape <, > and &, so that people can
// read them in messages. The result must not be embedded in HTML.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
