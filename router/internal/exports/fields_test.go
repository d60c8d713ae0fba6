package exports_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/tools/go/packages"
)

// A fieldKey identifies a field by where it is declared. A field has no name of its own
// in package types, and each package that uses it has another object for it.
type fieldKey struct {
	pkg, file string
	line      int
	name      string
}

func keyOf(fset *token.FileSet, v *types.Var) fieldKey {
	at := fset.Position(v.Pos())
	return fieldKey{v.Pkg().Path(), filepath.Base(at.Filename), at.Line, v.Name()}
}

// A field is an exported field of an exported struct.
type field struct {
	*types.Var
	owner, name string
}

func (f *field) key(fset *token.FileSet) fieldKey { return keyOf(fset, f.Var) }

// exportedFields returns the exported fields of a package's exported structs. It leaves
// out embedded fields, whose members are used by promotion, and those with tags for YAML
// or JSON, which decoders use.
func exportedFields(p *types.Package) []field {
	var list []field
	for _, name := range p.Scope().Names() {
		object, ok := p.Scope().Lookup(name).(*types.TypeName)
		if !ok || !object.Exported() || object.IsAlias() {
			continue
		}
		s, ok := object.Type().Underlying().(*types.Struct)
		if !ok {
			continue
		}
		for i := range s.NumFields() {
			tag := reflect.StructTag(s.Tag(i))
			_, yaml := tag.Lookup("yaml")
			_, json := tag.Lookup("json")
			if v := s.Field(i); v.Exported() && !v.Embedded() && !yaml && !json {
				list = append(list, field{v, full(object), full(object) + "." + v.Name()})
			}
		}
	}
	return list
}

// noteFields adds the fields that a package uses outside the file that declares them.
func noteFields(p *packages.Package, used map[fieldKey]bool) {
	note := func(at token.Pos, v *types.Var) {
		if v = v.Origin(); !v.IsField() || v.Pkg() == nil {
			return
		}
		key := keyOf(p.Fset, v)
		if key.pkg != p.Types.Path() || key.file != filepath.Base(p.Fset.Position(at).Filename) {
			used[key] = true
		}
	}
	for at, object := range p.TypesInfo.Uses {
		if v, ok := object.(*types.Var); ok {
			note(at.Pos(), v)
		}
	}
	for _, file := range p.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				// Without keys, a literal sets all fields.
				if len(n.Elts) > 0 {
					if _, keyed := n.Elts[0].(*ast.KeyValueExpr); !keyed {
						noteAll(p.TypesInfo.TypeOf(n), n.Pos(), note)
					}
				}
			case *ast.CallExpr:
				// A conversion between structs uses all fields of both.
				if to := p.TypesInfo.Types[n.Fun]; to.IsType() && len(n.Args) == 1 {
					noteAll(to.Type, n.Pos(), note)
					noteAll(p.TypesInfo.TypeOf(n.Args[0]), n.Pos(), note)
				}
			}
			return true
		})
	}
}

func noteAll(t types.Type, at token.Pos, note func(token.Pos, *types.Var)) {
	if t == nil {
		return
	}
	if s, ok := t.Underlying().(*types.Struct); ok {
		for v := range s.Fields() {
			note(at, v)
		}
	}
}

func TestFieldsInUse(t *testing.T) {
	fset := token.NewFileSet()
	p := &packages.Package{Fset: fset, TypesInfo: &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}}
	for name, text := range map[string]string{
		"declares.go": `package p
type T struct {
	Read, Written, Keyed, Own, Never int
	Tagged int ` + "`json:\"tagged\"`" + `
	hidden int
}
type Unkeyed struct { A, B int }
type From struct { C int }
type To struct { C int }
type Generic[P any] struct { Used, Unused P }
func own(t T) int { return t.Own + t.hidden }`,
		"uses.go": `package p
func use(t *T) int {
	t.Written = 1
	_ = T{Keyed: 1}
	_ = Unkeyed{1, 2}
	_ = To(From{})
	return t.Read + Generic[int]{}.Used
}`,
	} {
		file, err := parser.ParseFile(fset, name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Syntax = append(p.Syntax, file)
	}
	var err error
	if p.Types, err = new(types.Config).Check("p", fset, p.Syntax, p.TypesInfo); err != nil {
		t.Fatal(err)
	}
	used := map[fieldKey]bool{}
	noteFields(p, used)
	var unused []string
	for _, f := range exportedFields(p.Types) {
		if !used[f.key(fset)] {
			unused = append(unused, f.name)
		}
	}
	if want := []string{"p.Generic.Unused", "p.T.Own", "p.T.Never"}; !slices.Equal(unused, want) {
		t.Errorf("unused are %v, want %v", unused, want)
	}
}
