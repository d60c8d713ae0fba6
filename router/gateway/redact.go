package gateway

// redacted is the text of a document's operation without values, for traces;
// empty for one whose values cannot be told from the rest.
func (s *snapshot) redacted(d *document) string {
	if text := d.redacted.Load(); text != nil {
		return *text
	}
	var text string
	if r, err := s.redactor(); err == nil {
		// What cannot be redacted must not be shown.
		text, _ = r.Redact(d.text, d.name)
	}
	d.redacted.Store(&text)
	return text
}
