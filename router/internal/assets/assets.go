// Package assets serves files that are embedded in compressed form, as the playground and
// the console have them.
package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/andybalholm/brotli"
)

// suffix is that of a file compressed with Brotli.
const suffix = ".br"

// Serve sends the file that dir has as name with the suffix .br: as it is, or decompressed
// to clients that do not accept br. Files whose name begins with chunk- have a hash of their
// contents in it, so clients may keep them. If there is no such file, the status is 404.
func Serve(w http.ResponseWriter, r *http.Request, dir fs.FS, name string) {
	body, err := fs.ReadFile(dir, strings.TrimPrefix(path.Clean("/"+name), "/")+suffix)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	header := w.Header()
	header.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	header.Set("Vary", "Accept-Encoding")
	header.Set("ETag", tag)
	header.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(name, "chunk-") {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "br") {
		header.Set("Content-Encoding", "br")
		_, _ = w.Write(body) // an error means that the client has disconnected
		return
	}
	_, _ = io.Copy(w, brotli.NewReader(bytes.NewReader(body)))
}
