package product

import (
	"bytes"
	_ "embed"
	"fmt"
	"hash/fnv"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"souk/subgraphs/product/catalogue"
)

// imagePath is the route of the products' pictures: /images/LAPTOP-1.svg.
const imagePath = "/images/{file}"

//go:embed picture.svg
var pictureText string

// drawing is the data of picture.svg.
type drawing struct {
	Lines    []string // the name, wrapped
	Category string
	SKU      string
	Hue      uint32 // degrees
	Turn     uint32 // degrees
}

// pictures serves an SVG for each product, so that the store has pictures
// without image files or another server.
func pictures(products *catalogue.Catalogue, logger *slog.Logger) http.Handler {
	picture := template.Must(template.New("picture").Parse(pictureText))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sku, ok := strings.CutSuffix(r.PathValue("file"), ".svg")
		if !ok {
			http.NotFound(w, r)
			return
		}
		found, err := products.Find(r.Context(), nil, []string{sku})
		if err != nil {
			logger.ErrorContext(r.Context(), "could not read a product to draw its picture", "error", err)
			http.Error(w, "The picture is temporarily unavailable.", http.StatusInternalServerError)
			return
		}
		p, ok := found.BySKU[sku]
		if !ok {
			http.NotFound(w, r)
			return
		}
		var svg bytes.Buffer
		if err := picture.Execute(&svg, draw(p)); err != nil {
			logger.ErrorContext(r.Context(), "could not draw a picture", "error", err)
			http.Error(w, "The picture is temporarily unavailable.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("ETag", fmt.Sprintf(`"%d-%d"`, p.ID, p.Version))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(svg.Bytes()))
	})
}

// draw derives colours from the category and the SKU, so that a product keeps
// its picture.
func draw(p catalogue.Product) drawing {
	hash := fnv.New32a()
	hash.Write([]byte(p.Category.Slug))
	hue := hash.Sum32() % 360
	hash.Write([]byte(p.SKU))
	return drawing{
		Lines:    lines(p.Name, 22, 3),
		Category: p.Category.Name,
		SKU:      p.SKU,
		Hue:      hue,
		Turn:     hash.Sum32() % 90,
	}
}

// lines wraps text to at most maxLines lines of about width bytes and
// truncates the rest.
func lines(text string, width, maxLines int) []string {
	var list []string
	for word := range strings.FieldsSeq(text) {
		if last := len(list) - 1; last >= 0 && len(list[last])+1+len(word) <= width {
			list[last] += " " + word
			continue
		}
		if len(list) == maxLines {
			list[maxLines-1] += "…"
			break
		}
		list = append(list, word)
	}
	return list
}
