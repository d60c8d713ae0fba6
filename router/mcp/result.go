package mcp

import (
	"encoding/json"
	"fmt"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// result returns a GraphQL response as the result of a call: its data as structured content, and
// as a text. If it has errors, the text has them, too. most bounds the data and errors; 0 means
// no bound.
func result(body []byte, most int) *sdk.CallToolResult {
	var response struct {
		Errors json.RawMessage `json:"errors,omitempty"`
		Data   json.RawMessage `json:"data,omitempty"`
	}
	if err := json.Unmarshal(body, &response); err != nil {
		return failed("The router has no valid response.")
	}
	if n := len(response.Data) + len(response.Errors); most > 0 && n > most {
		return failed(fmt.Sprintf("The result has %d bytes, more than the limit of %d (mcp.max_result_bytes). Ask for fewer items.", n, most))
	}
	out := &sdk.CallToolResult{}
	if has(response.Data) {
		out.StructuredContent = response.Data
	}
	text := []byte(response.Data)
	if has(response.Errors) {
		out.IsError = true
		if text, _ = json.Marshal(response); text == nil { // unreachable: both members are valid JSON
			text = response.Errors
		}
	}
	out.Content = []sdk.Content{&sdk.TextContent{Text: string(text)}}
	return out
}

func has(member json.RawMessage) bool { return len(member) > 0 && string(member) != "null" }

func failed(message string) *sdk.CallToolResult {
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: message}}}
}
