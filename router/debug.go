package router

import (
	"net/http"
	"net/http/pprof"
)

// mountProfiles serves the profiles of the process. It registers the handlers of
// net/http/pprof explicitly, because the router does not serve http.DefaultServeMux.
func mountProfiles(mux *http.ServeMux) {
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
}
