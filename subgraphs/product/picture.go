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

// imagePath is where the picture of a product is: /images/LAPTOP-1.svg.
const imagePath = "/images/{file}"

//go:embed picture.svg
var pictureText string

// drawing is what picture.svg needs.
type drawing struct {
	Lines    []string // the name, broken into lines
	Category string
	SKU      string
	Hue      uint32 // degrees
	Turn     uint32 // degrees
}

// pictures draws products, so that there is something to show for each of them
// without any file or other server.
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
			logger.ErrorContext(r.Context(), "reading the product to draw failed", "error", err)
			http.Error(w, "The picture cannot be drawn now.", http.StatusInternalServerError)
			return
		}
		p, ok := found.BySKU[sku]
		if !ok {
			http.NotFound(w, r)
			return
		}
		var svg bytes.Buffer
		if err := picture.Execute(&svg, draw(p)); err != nil {
			logger.ErrorContext(r.Context(), "drawing the product failed", "error", err)
			http.Error(w, "The picture cannot be drawn now.", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		w.Header().Set("ETag", fmt.Sprintf(`"%d-%d"`, p.ID, p.Version))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(svg.Bytes()))
	})
}

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

// lines breaks words into at most so many lines of about a width; what is left
// over is cut.
func lines(text string, width, most int) []string {
	var list []string
	for word := range strings.FieldsSeq(text) {
		if last := len(list) - 1; last >= 0 && len(list[last])+1+len(word) <= width {
			list[last] += " " + word
			continue
		}
		if len(list) == most {
			list[most-1] += "…"
			break
		}
		list = append(list, word)
	}
	return list
}
