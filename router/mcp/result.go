package mcp

import (
	"encoding/json"
	"fmt"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// costMeta is the member of a result's _meta with the cost of the operation.
const costMeta = "souk/cost"

// content is what agents get of a GraphQL response.
type content struct {
	Errors json.RawMessage `json:"errors,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// result returns a GraphQL response as the result of a call: its data as structured content, and
// as a text. If it has errors, the text has them, too. Its extension cost becomes metadata. most
// bounds the data and errors; 0 means no bound.
func result(body []byte, most int) *sdk.CallToolResult {
	var response struct {
		content
		Extensions struct{ Cost json.RawMessage }
	}
	if err := json.Unmarshal(body, &response); err != nil {
		return failed("The router has no valid response.")
	}
	if n := len(response.Data) + len(response.Errors); most > 0 && n > most {
		return failed(fmt.Sprintf("The result has %d bytes, more than the limit of %d (mcp.max_result_bytes). Ask for fewer items.", n, most))
	}
	out := &sdk.CallToolResult{}
	if has(response.Extensions.Cost) {
		out.Meta = sdk.Meta{costMeta: response.Extensions.Cost}
	}
	if has(response.Data) {
		out.StructuredContent = response.Data
	}
	text := []byte(response.Data)
	if has(response.Errors) {
		out.IsError = true
		if text, _ = json.Marshal(response.content); text == nil { // unreachable: both members are valid JSON
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
