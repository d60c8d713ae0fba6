package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"souk/router/operation"
	"souk/router/upload"
)

// isUpload reports whether a request is a GraphQL multipart request.
func isUpload(h http.Header) bool {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), "multipart/form-data")
}

// serveUpload answers a GraphQL multipart request. Its files are read while it is executed.
func (x *exchange) serveUpload() {
	x.slot.unmeasured = true
	files, err := x.readUpload()
	if err != nil {
		x.w.Header().Set("Connection", "close") // the rest of the body is not read
		x.metrics.Uploads("refused").Inc()
		x.fail(err)
		return
	}
	x.files = files
	defer x.endUpload(files)
	value, err := onlyValue(files.Operations)
	var req request
	if err != nil {
		err = &malformed{http.StatusBadRequest, fmt.Sprintf("The part operations is not valid JSON: %v.", err)}
	} else {
		err = req.parse(value)
	}
	if err != nil {
		x.failUpload()
		x.fail(err)
		return
	}
	req.safe = x.r.Method == methodQuery
	x.serve(&req)
}

// readUpload reads the operations of a multipart request.
func (x *exchange) readUpload() (*upload.Request, error) {
	c := x.config.FileUploads
	_, parameters, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	switch {
	case !c.Enabled:
		return nil, uploadError(http.StatusUnsupportedMediaType, codeMediaType, "File uploads are disabled. Content-Type must be application/json.")
	case err != nil || parameters["boundary"] == "":
		return nil, uploadError(http.StatusBadRequest, codeBadRequest, "Content-Type has no valid boundary.")
	case x.r.Header.Get("Content-Encoding") != "":
		return nil, uploadError(http.StatusUnsupportedMediaType, codeMediaType, "A request with files cannot have a Content-Encoding.")
	case x.accept.single == noMediaType:
		return nil, uploadError(http.StatusNotAcceptable, "NOT_ACCEPTABLE", "The response to a request with files is a single one. Accept application/json.")
	}
	limits := upload.Limits{
		Files: c.MaxFiles, FileBytes: int64(c.MaxFileBytes), TotalBytes: int64(c.MaxTotalBytes), TextBytes: x.config.Limits.MaxBodyBytes, Timeout: c.Timeout,
	}
	if x.config.Limits.MaxBodyBytes > 0 && x.r.ContentLength > limits.Bytes() {
		return nil, uploadError(http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("The request is longer than files of %d bytes can be.", c.MaxTotalBytes))
	}
	// An error means that there is no deadline, as in tests without a connection.
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(c.Timeout))
	if x.options.Memory != nil {
		x.memory.Of(x.options.Memory)
	}
	x.text = &x.memory
	files, err := upload.Read(x.r.Context(), x.r.Body, parameters["boundary"], limits, &x.memory)
	if err != nil {
		return nil, refusedUpload(err)
	}
	return files, nil
}

// mapFiles reads which variables of an operation have files, and puts references to these there.
func (x *exchange) mapFiles(variables json.RawMessage) (json.RawMessage, error) {
	out, err := x.files.Map(x.r.Context(), variables, &x.memory)
	if err != nil {
		return nil, refusedUpload(err)
	}
	return out, nil
}

// failUpload closes the connection of a client whose operation is refused before its files: the
// server would otherwise read on, to use the connection again.
func (x *exchange) failUpload() {
	if x.files != nil {
		x.w.Header().Set("Connection", "close")
	}
}

// endUpload ends reading from the client before the handler returns.
func (x *exchange) endUpload(files *upload.Request) {
	control := http.NewResponseController(x.w)
	files.Close(func() { _ = control.SetReadDeadline(time.Unix(1, 0)) })
	result := "ok"
	if files.Failed() != nil || !files.Mapped() {
		result = "refused"
	}
	x.metrics.Uploads(result).Inc()
	x.metrics.UploadBytes.Add(float64(files.Bytes()))
}

// assignFiles finds out which request to a subgraph sends which file.
func (x *exchange) assignFiles(p *prepared) error {
	for _, v := range p.vars {
		indices := x.files.In(v.Value)
		if len(indices) == 0 {
			continue
		}
		if err := p.document.CheckFiles(v, func(value []byte) bool { return len(x.files.In(value)) > 0 }, x.config.FileUploads.Scalars); err != nil {
			return err
		}
		uses := p.program.UsesOf(v.Name)
		for _, use := range uses {
			if !use.Root {
				return refusedUpload(&upload.Error{Status: http.StatusUnprocessableEntity, Message: fmt.Sprintf(
					"The variable $%s has a file, which the subgraph %s needs for an entity, a subscription or a deferred field. Files can be arguments only of root fields, and of fields that their subgraph resolves with them.", v.Name, use.Subgraph)})
			}
			if use.Subgraph != uses[0].Subgraph {
				return refusedUpload(&upload.Error{Status: http.StatusUnprocessableEntity, Message: fmt.Sprintf(
					"The variable $%s has a file, which the subgraphs %s and %s need. A file can be sent to one of them: use a variable for each.", v.Name, uses[0].Subgraph, use.Subgraph)})
			}
			for _, i := range indices {
				if err := x.files.Assign(i, use.Fetch); err != nil {
					return refusedUpload(err)
				}
			}
		}
	}
	if err := x.files.Arrange(); err != nil {
		return refusedUpload(err)
	}
	return nil
}

// serveFiles executes an operation with files.
func (x *exchange) serveFiles(p *prepared, start time.Time) {
	err := x.assignFiles(p)
	if p.op.Kind == operation.Subscription {
		err = invalidRequest("A subscription cannot be sent as multipart/form-data.")
	}
	if err != nil {
		x.fail(err)
		return
	}
	ctx, cancel := x.r.Context(), func() {}
	if d := x.config.TrafficShaping.Router.Timeout; d > 0 {
		ctx, cancel = context.WithDeadline(ctx, x.files.Deadline().Add(d))
	}
	defer cancel()
	response := x.run(ctx, p, start)
	defer response.Release()
	if err := x.files.Failed(); err != nil {
		x.w.Header().Set("Connection", "close")
		x.fail(refusedUpload(err))
		return
	}
	x.respond(p, response.Body, response)
}

// refusedUpload returns the response to a request whose files cannot be used.
func refusedUpload(err error) error {
	var failed *upload.Error
	if !errors.As(err, &failed) {
		return err
	}
	code := codeBadRequest
	switch failed.Status {
	case http.StatusRequestEntityTooLarge:
		code = codeTooLarge
	case http.StatusRequestTimeout:
		code = codeTimeout
	case http.StatusServiceUnavailable:
		code = codeOverloaded
	}
	return uploadError(failed.Status, code, failed.Message)
}

func uploadError(status int, code, message string) error {
	return &Refusal{Status: status, Err: &operation.Error{Message: message, Code: code}}
}
