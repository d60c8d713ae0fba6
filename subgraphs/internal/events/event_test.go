package events

import (
	"encoding/json"
	"testing"
)

// Any text is either rejected or parsed to an event whose data can be decoded.
func FuzzParseEnvelope(f *testing.F) {
	f.Add(`{"specversion":"1.0","id":"1","source":"/souk/product","type":"product.updated","subject":"7","time":"2026-01-02T03:04:05Z","datacontenttype":"application/json","data":{"id":"7"}}`)
	f.Add(`{"specversion":"1.0","id":"1","source":"s","type":"t"}`)
	f.Add(`{"specversion":"1.0","id":"1","source":"s","type":"t","data":null,"time":"yesterday"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEnvelope(text)
		if err != nil {
			return
		}
		if e.ID == "" || e.Type == "" || e.Source == "" {
			t.Errorf("accepted without id, source or type: %s", text)
		}
		var data any
		if err := e.event().Decode(&data); err != nil && json.Valid(e.Data) {
			t.Errorf("data %s cannot be decoded: %v", e.Data, err)
		}
	})
}
