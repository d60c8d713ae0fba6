package gateway

// redacted returns the text of a document's operation without argument values, for
// traces. It returns "" if the document cannot be redacted.
func (s *snapshot) redacted(d *document) string {
	if text := d.redacted.Load(); text != nil {
		return *text
	}
	var text string
	if r, err := s.redactor(); err == nil {
		// On an error the text is empty: an unredacted document must not be traced.
		text, _ = r.Redact(d.text, d.name)
	}
	d.redacted.Store(&text)
	return text
}
