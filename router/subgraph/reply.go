package subgraph

import (
	"errors"
	"fmt"
	"io"
	"mime"

	"souk/router/execute"
)

// acceptable says what is wrong with a response that cannot be a GraphQL one.
func acceptable(status int, contentType, location string) error {
	if status >= 300 && status <= 399 {
		return &execute.TransportError{
			Code: execute.CodeHTTP, Message: fmt.Sprintf("answered with a redirect (status %d), which is not followed", status),
			Status: status, Err: fmt.Errorf("redirect to %q", location),
		}
	}
	switch contentType {
	case "application/json", "application/graphql-response+json", "application/json; charset=utf-8", "":
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil && (media == "application/json" || media == "application/graphql-response+json") {
		return nil
	}
	e := &execute.TransportError{Code: execute.CodeHTTP, Status: status}
	if status >= 200 && status <= 299 {
		e.Code, e.Message = execute.CodeMalformed, fmt.Sprintf("answered with %q instead of JSON", contentType)
	} else {
		e.Message = fmt.Sprintf("answered with status %d", status)
	}
	return e
}

// readAll reads a body of a length, or up to its end if that is negative.
func readAll(r io.Reader, length int64, limit, status int) (*execute.Buffer, error) {
	tooLarge := func() error {
		return &execute.TransportError{
			Code: execute.CodeHTTP, Message: fmt.Sprintf("answered more than %d bytes", limit), Status: status,
		}
	}
	if length > int64(limit) {
		return nil, tooLarge()
	}
	b := execute.NewBuffer(max(int(length), 512))
	for {
		if int64(len(b.B)) == length {
			return b, nil
		}
		if len(b.B) == cap(b.B) {
			larger := execute.NewBuffer(2 * cap(b.B))
			larger.B = append(larger.B, b.B...)
			b.Release()
			b = larger
		}
		n, err := r.Read(b.B[len(b.B):cap(b.B)])
		b.B = b.B[:len(b.B)+n]
		switch {
		case len(b.B) > limit:
			b.Release()
			return nil, tooLarge()
		case errors.Is(err, io.EOF) && length < 0:
			return b, nil
		case err != nil:
			received := len(b.B)
			b.Release()
			return nil, cut(err, received)
		}
	}
}

// cut says that an answer ended before its end.
func cut(err error, received int) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	return &execute.TransportError{
		Code: execute.CodeHTTP, Message: fmt.Sprintf("cut its answer short after %d bytes", received), Err: err,
	}
}
