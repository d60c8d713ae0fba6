package gateway

import "souk/router/console/record"

// withoutValues returns the text of a document's operation without values, for traces. It
// returns "" if the document cannot be redacted.
func (d *document) withoutValues() string {
	if text := d.redacted.Load(); text != nil {
		return *text
	}
	text := d.Redacted()
	d.redacted.Store(&text)
	return text
}

// describe makes what the console knows of a document. Only development mode shows values.
func (s *snapshot) describe(d *document) {
	redacted := d.withoutValues()
	shown := redacted
	if s.gateway.config.Dev {
		shown = d.text
	}
	d.described = record.NewDocument(d.hash, redacted, shown, d.Document)
}

// operationHash returns the hash by which the console identifies the operation.
func (d *document) operationHash() string {
	if d.described == nil {
		return d.hash
	}
	return d.described.Key
}
