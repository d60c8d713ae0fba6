package config

import (
	"strings"
	"time"
)

// MCP configures the endpoint for agents.
type MCP struct {
	Enabled        bool          `yaml:"enabled" desc:"Serve the endpoint. It needs persisted_documents.path or persisted_documents.remote."`
	Path           string        `yaml:"path" desc:"Path of the endpoint." format:"path" empty:"no"`
	Mutations      bool          `yaml:"mutations" desc:"Offer mutations, too. If false, agents can only read."`
	ClientName     string        `yaml:"client_name" desc:"Offer also the trusted documents that only this client may use. Documents that all clients may use are offered in any case." example:"agents"`
	AllowedHosts   []string      `yaml:"allowed_hosts" desc:"Values of the Host header that are served, with or without a port, as a protection against DNS rebinding. If empty, a request over a loopback address must have a loopback host: name here the hosts that a proxy on the same machine passes on." example:"graph.example"`
	MaxTools       int           `yaml:"max_tools" desc:"Maximum number of tools. The others are logged. 0 means no limit."`
	MaxSessions    int           `yaml:"max_sessions" desc:"Maximum number of sessions, and of requests that have none. Beyond it, a new session ends the oldest idle one of the client with the most sessions. 0 means no limit."`
	MaxPerClient   int           `yaml:"max_sessions_per_client" desc:"Maximum number of sessions of a client: a subject of tokens, or an address without one. Beyond it, a new session ends the oldest idle one of the client. 0 means no limit."`
	SessionTimeout time.Duration `yaml:"session_timeout" desc:"How long a session without requests lasts." min:"1s"`
	MaxResultBytes int           `yaml:"max_result_bytes" desc:"Maximum size of the result of a tool. A larger one is an error that says so. 0 means no limit."`
}

// check adds the contradictions of the block.
func (m MCP) check(d PersistedDocuments, add addFunc) {
	add(m.Enabled && !d.trusted(), "mcp.enabled", "mcp.enabled needs persisted_documents.path or persisted_documents.remote, whose documents become tools", "persisted_documents.path", "persisted_documents.remote")
	for _, host := range m.AllowedHosts {
		add(host == "" || strings.ContainsAny(host, "/* "), "mcp.allowed_hosts", "mcp.allowed_hosts: \""+host+"\" is no host; write a name such as graph.example or graph.example:8443")
	}
}
