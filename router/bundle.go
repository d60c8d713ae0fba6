package router

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"github.com/prometheus/common/expfmt"
)

// maxBundledOperations bounds the number of operations in a bundle.
const maxBundledOperations = 100

// bundle serves a zip file with information for debugging a router. It contains no secrets
// and no values from clients.
func (r *Router) bundle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="souk-debug.zip"`)
	w.Header().Set("Cache-Control", "no-store")
	archive := zip.NewWriter(w)
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{name: "version.json", write: r.writeVersion},
		{name: "config.yaml", write: r.writeConfig},
		{name: "dependencies.json", write: r.writeDependencies},
		{name: "metrics.txt", write: r.writeMetrics},
		{name: "api.graphql", write: r.gateway.WriteAPISchema},
		{name: "operations.txt", write: func(w io.Writer) error { return r.gateway.WriteOperations(w, maxBundledOperations) }},
		{name: "goroutines.txt", write: profile("goroutine", 1)},
		{name: "heap.pprof", write: profile("heap", 0)},
	} {
		file, err := archive.CreateHeader(&zip.FileHeader{Name: part.name, Method: zip.Deflate, Modified: time.Now()})
		if err == nil {
			err = part.write(file)
		}
		if err != nil { // most likely the client has disconnected
			r.options.Telemetry.Logger.Warn("the debug bundle is incomplete", "part", part.name, "error", err)
			return
		}
	}
	if err := archive.Close(); err != nil {
		r.options.Telemetry.Logger.Warn("the debug bundle is incomplete", "error", err)
	}
}

func profile(name string, level int) func(io.Writer) error {
	return func(w io.Writer) error { return pprof.Lookup(name).WriteTo(w, level) }
}

func (r *Router) writeVersion(w io.Writer) error {
	info := map[string]any{
		"version":      r.options.Version,
		"go":           runtime.Version(),
		"platform":     runtime.GOOS + "/" + runtime.GOARCH,
		"cpus":         runtime.NumCPU(),
		"gomaxprocs":   runtime.GOMAXPROCS(0),
		"memory_limit": debug.SetMemoryLimit(-1),
		"time":         time.Now().UTC().Format(time.RFC3339),
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		modules := map[string]string{}
		for _, m := range build.Deps {
			modules[m.Path] = m.Version
		}
		info["modules"] = modules
	}
	return writeIndented(w, info)
}

func writeIndented(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

func (r *Router) writeConfig(w io.Writer) error {
	text, err := r.config.Redacted()
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func (r *Router) writeDependencies(w io.Writer) error {
	list := []map[string]string{}
	for _, d := range r.dependencies.Status() {
		list = append(list, map[string]string{"name": string(d.Kind) + "/" + d.Name, "status": d.State.String()})
	}
	return writeIndented(w, list)
}

func (r *Router) writeMetrics(w io.Writer) error {
	families, err := r.options.Telemetry.Gather()
	if err != nil {
		return fmt.Errorf("collecting metrics: %w", err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return err
		}
	}
	return nil
}
