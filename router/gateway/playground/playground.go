package playground

import "net/http"

type Example struct{ Name, Document string }
type Options struct {
	Endpoint, Path string
	Examples       []Example
}

func New(o Options) http.Handler { return http.NotFoundHandler() }
