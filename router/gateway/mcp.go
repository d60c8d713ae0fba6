package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"souk/internal/memory"
	"souk/router/hook"
	"souk/router/mcp"
	"souk/router/operation"
)

// newMCP returns the endpoint for agents, or nil if it is off.
func (gw *Gateway) newMCP() *mcp.Server {
	c := gw.config.MCP
	if !c.Enabled {
		return nil
	}
	return mcp.New(mcp.Options{
		Execute: gw.call, Mutations: c.Mutations && !gw.config.Limits.ForbidMutations, Files: gw.config.FileUploads.Scalars, Client: c.ClientName, Hosts: c.AllowedHosts,
		MaxTools: c.MaxTools, MaxSessions: c.MaxSessions, MaxPerCaller: c.MaxPerClient, Caller: gw.options.Agent, MaxResultBytes: c.MaxResultBytes, SessionTimeout: c.SessionTimeout,
		Version: gw.options.Version, Metrics: gw.metrics.Metrics, Logger: gw.logger,
	})
}

// offerTools offers agents the trusted documents that are valid for the supergraph in use. It
// does nothing while one of them is not loaded yet.
func (gw *Gateway) offerTools() {
	if gw.mcp == nil {
		return
	}
	gw.offering.Lock() // the last call has the last documents and supergraph
	defer gw.offering.Unlock()
	trusted, current := gw.persisted.trusted.Load(), gw.acquire()
	if current == nil {
		return
	}
	defer current.release()
	if trusted != nil {
		gw.mcp.SetTools(current.schema, trusted.List())
	}
}

// serveMCP is the endpoint for agents.
func (gw *Gateway) serveMCP(w http.ResponseWriter, r *http.Request) {
	if originOf(r) == otherOrigin && gw.pages.of(r) == nil {
		(&problem{status: http.StatusForbidden, code: "ORIGIN_NOT_ALLOWED",
			detail: "Pages of this origin may not call tools. Add the origin to cors.allow_origins in the router configuration."}).write(w)
		return
	}
	var lease memory.Lease
	defer lease.Release()
	if r.Method == http.MethodPost {
		body, p := gw.readBody(w, r, &lease)
		if p != nil {
			p.write(w)
			return
		}
		defer bodies.put(body)
		inner := *r
		inner.Header = r.Header.Clone()
		inner.Header.Del("Content-Encoding")
		inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(body.Bytes())), int64(body.Len())
		r = &inner
		if refused := gw.admitMessages(r, w.Header(), body.Bytes()); refused != nil {
			rejectMessage(w, refused)
			return
		}
	}
	if r.Method == http.MethodGet {
		if refused := gw.admit(r, w.Header()); refused != nil {
			rejectMessage(w, refused)
			return
		}
	}
	if mcp.Streams(r) {
		if gw.draining.Load() {
			(&problem{status: http.StatusServiceUnavailable, code: codeShuttingDown, detail: "The router is shutting down."}).write(w)
			return
		}
		ctx, end := context.WithCancel(r.Context())
		defer end()
		defer context.AfterFunc(gw.drain, end)()
		if gw.options.Lifetime != nil {
			life, release := gw.options.Lifetime(r)
			defer release()
			defer context.AfterFunc(life, end)()
		}
		r = r.WithContext(ctx)
	}
	gw.mcp.ServeHTTP(w, r)
}

// admitMessages admits the messages of an agent, each as an operation. Calls of tools are admitted
// when their operations are. Notifications and responses in a session cost less than a refusal.
func (gw *Gateway) admitMessages(r *http.Request, header http.Header, body []byte) *Refusal {
	if len(gw.options.Admission) == 0 {
		return nil
	}
	for range mcp.Counted(body, r.Header.Get("Mcp-Session-Id") != "") {
		if refused := gw.admit(r, header); refused != nil {
			return refused
		}
	}
	return nil
}

// rejectMessage writes the response to a rejected message of an agent: an error of JSON-RPC
// without an ID, as the streamable HTTP transport of the Model Context Protocol has it.
func rejectMessage(w http.ResponseWriter, refused *Refusal) {
	h := w.Header()
	for name, values := range refused.Header {
		h[name] = values
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(refused.Status)
	_, _ = w.Write(mcp.ErrorBody(refused.Err.Code, refused.Err.Message)) // an error means that the client has disconnected
}

// call executes the operation of a tool. It passes all stages, as a request of its own.
func (gw *Gateway) call(called context.Context, r *http.Request, c mcp.Call) []byte {
	start := time.Now()
	current := gw.acquire()
	if current == nil {
		return describe(errShuttingDown).body()
	}
	defer current.release()
	ctx, end := context.WithCancel(r.Context())
	defer end()
	defer context.AfterFunc(called, end)()
	x := exchange{Gateway: gw, snapshot: current, r: r, carrier: hook.MCP}
	x.see("mcp")
	defer x.saw()
	slot, refused := gw.takeSlot(r, http.Header{})
	if refused != nil {
		return x.reject(ctx, refused)
	}
	defer slot.release()
	req := request{document: []byte(c.Document), operationName: []byte(c.Operation), variables: c.Variables, own: true}
	p, err := x.prepare(ctx, &req)
	if err != nil {
		x.logFault(ctx, err)
		return x.reject(ctx, err)
	}
	limited := x.deadline(x.hookContext(ctx))
	defer limited.Cancel()
	response := x.run(limited, p, start)
	defer response.Release()
	if response.Shed {
		return x.reject(ctx, errNoRoom)
	}
	_, body := x.hookResponse(ctx, http.StatusOK, response.Body, response)
	return bytes.Clone(body)
}

var errShuttingDown = &Refusal{Status: http.StatusServiceUnavailable, Err: &operation.Error{Message: "The router is shutting down.", Code: codeShuttingDown}}

// reject returns the response to an operation that is not executed.
func (x *exchange) reject(ctx context.Context, err error) []byte {
	f := x.refuse(err)
	x.sawFailure(f)
	_, body := x.hookResponse(ctx, f.status, f.body(), nil)
	return body
}

// closeMCP ends the sessions of agents.
func (gw *Gateway) closeMCP() {
	if gw.mcp == nil {
		return
	}
	if err := gw.mcp.Close(); err != nil && !errors.Is(err, io.EOF) {
		gw.logger.Debug("sessions of agents have ended early", "error", err)
	}
}
