package extract

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A script is a file, or the script of a component, after the lines before it.
type script struct {
	text string
	jsx  bool
}

// scriptBlock matches a script in a component of Vue or Svelte.
var scriptBlock = regexp.MustCompile(`(?is)<script\b((?:[^>"']|"[^"]*"|'[^']*')*)>(.*?)</script\s*>`)

// typescript are the extensions of languages in which a less-than sign may begin a type assertion,
// but no element.
var typescript = []string{".ts", ".mts", ".cts"}

// scripts returns the scripts in a file.
func scripts(path, text string) []script {
	extension := strings.ToLower(filepath.Ext(path))
	if extension != ".vue" && extension != ".svelte" {
		return []script{{text, !slices.Contains(typescript, extension)}}
	}
	var list []script
	for _, m := range scriptBlock.FindAllStringSubmatchIndex(text, -1) {
		attributes := text[m[2]:m[3]]
		list = append(list, script{strings.Repeat("\n", strings.Count(text[:m[4]], "\n")) + text[m[4]:m[5]], strings.Contains(attributes, "sx\"") || strings.Contains(attributes, "sx'")})
	}
	return list
}
