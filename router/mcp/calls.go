package mcp

import (
	"context"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"souk/router/telemetry"
)

// count counts the calls of tools, also of those that do not exist.
func (s *Server) count(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (sdk.Result, error) {
		params, is := r.GetParams().(*sdk.CallToolParamsRaw)
		if !is {
			return next(ctx, method, r)
		}
		began := time.Now()
		out, err := next(ctx, method, r)
		s.options.Metrics.ToolCalled(params.Name, outcome(out, err), time.Since(began))
		return out, err
	}
}

func outcome(out sdk.Result, err error) telemetry.ToolResult {
	result, is := out.(*sdk.CallToolResult)
	switch {
	case err != nil || !is:
		return telemetry.ToolFailed
	case result.IsError && result.StructuredContent != nil:
		return telemetry.ToolPartial
	case result.IsError:
		return telemetry.ToolFailed
	}
	return telemetry.ToolOK
}
