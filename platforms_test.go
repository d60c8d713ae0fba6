package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// Souk and its tools compile for every platform that .goreleaser.yaml names: the packages are type-checked
// with the files of each, which is quicker than a build. Bodies of functions of other modules
// are left out.
func TestSoukCompilesForEveryPlatform(t *testing.T) {
	releaseTest(t)
	top, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range []string{"linux/arm64", "darwin/arm64", "windows/amd64"} {
		t.Run(platform, func(t *testing.T) {
			system, processor, _ := strings.Cut(platform, "/")
			found, err := packages.Load(&packages.Config{
				Context: t.Context(),
				Mode:    packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedModule,
				Env:     append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0"),
				ParseFile: func(files *token.FileSet, name string, source []byte) (*ast.File, error) {
					file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
					if err == nil && !strings.HasPrefix(name, top+string(filepath.Separator)) {
						withoutBodies(file)
					}
					return file, err
				},
			}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			checked := 0
			packages.Visit(found, nil, func(p *packages.Package) {
				if p.Module == nil || !p.Module.Main {
					return
				}
				checked++
				for _, problem := range p.Errors {
					t.Error(problem)
				}
			})
			if checked < 50 {
				t.Errorf("checked only %d packages", checked)
			}
		})
	}
}

func withoutBodies(file *ast.File) {
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
}
