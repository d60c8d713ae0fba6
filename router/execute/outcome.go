package execute

import (
	"bytes"
	"net/http"

	"souk/router/internal/jsonscan"
)

// failed counts an error in the response.
func (s *FetchStatistics) failed(code, message string) {
	s.Errors++
	s.Codes = append(s.Codes, code)
	s.LastError = message
}

// invalid counts a response that cannot be used. It does nothing if there was no response.
func (s *FetchStatistics) invalid(err error) {
	if s.Err == nil {
		s.failed(CodeDownstream, err.Error())
		s.NoData = true
	}
}

// denied returns 401 or 403 if a subgraph responded with it and none sent data, else 0. 401 goes
// first: with a token, the caller may not be denied at all.
func denied(fetches []FetchStatistics) (status int) {
	for i := range fetches {
		f := &fetches[i]
		if f.Err == nil && !f.NoData || f.Found > 0 {
			return 0
		}
		if f.Status == http.StatusUnauthorized || f.Status == http.StatusForbidden && status == 0 {
			status = f.Status
		}
	}
	return status
}

// hasData reports whether the data of a response has a root field that is neither null nor a
// list of nulls, as _entities is if all entities failed.
func hasData(text []byte) bool {
	found := false
	members := jsonscan.NewReader(text, jsonscan.MaxDepth)
	err := members.Object(func([]byte) error {
		value, err := members.Value()
		found = found || len(bytes.Trim(value, "[null, \t\r\n]")) > 0
		return err
	})
	return err == nil && found
}
