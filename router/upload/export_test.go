package upload

// Count returns the number of files.
func (q *Request) Count() int { return len(q.files) }
