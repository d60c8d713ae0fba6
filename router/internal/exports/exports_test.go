// Package exports_test keeps the packages of the router from exporting what
// nobody uses: each name that is exported is one that a reader must know. A field of a
// struct is used if another file reads or sets it, or if it has a tag for YAML or JSON.
package exports_test

import (
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// public are packages for programs of others, which may use all of them.
var public = []string{"souk/router", "souk/router/hook"}

// standard are the packages of the standard library whose interfaces are
// implemented on purpose. A type that happens to have the methods of others is
// not one of those.
var standard = []string{
	"context", "encoding", "encoding/json", "flag", "fmt", "io", "io/fs", "log/slog", "net", "net/http",
}

// allowed are exports without a use of our own, with the reason. The name of a type
// allows its fields.
var allowed = map[string]string{
	"souk/router/auth.Caller":                     "for authenticators and hooks, which make callers and read them",
	"souk/router/auth.Options.Now":                "the clock of tests",
	"souk/router/internal/remote.Schedule.Random": "the randomness of tests",
	"souk/router/compose.Command.Client":          "for tests, which trust a certificate of their own",
	"souk/router/console/events.Services.Client":  "for programs that reach their services in a way of their own",
	"souk/router/console/record.Options.Every":    "for tests, which count when they want",
	"souk/router/console/record.Options.Now":      "the clock of tests",
	"souk/router/dependency.Unknown":              "the zero State, which nobody needs to set",
	"souk/router/limit.RateOptions.Now":           "the clock of tests",
	"souk/router/plan/planner.LimitError":         "for programs that report the error in a form of their own",
	"souk/router/plan/planner.UnreachableError":   "for programs that report the error in a form of their own",
	"souk/router/rest.DocumentError":              "for programs that report the error in a form of their own",
	"souk/router/cache.Cache.View":                "the strict form of LenientView, for programs that make a cache of their own",
	"souk/router/gateway/config.Error":            "for programs that embed the router",
	"souk/router/gateway/config.Load":             "for programs that embed the router",
	"souk/router/gateway/config.Parse":            "for programs that embed the router",
	"souk/router/gateway/config.Keys":             "for tests, which explain every key",
	"souk/router/schemadiff.Change":               "for programs that write changes in a form of their own",
	"souk/router/plan.ReadJSON":                   "for programs that keep plans, or get them from souk plan --json",
	"souk/router/telemetry.Definitions":           "what docs/metrics.md is written from",
}

func TestExportsAreUsed(t *testing.T) {
	const mode = packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo
	loaded, err := packages.Load(&packages.Config{Mode: mode, Dir: "../../.."}, "./...")
	if err != nil {
		t.Fatal(err)
	}
	used, fields, imported, interfaces := map[string]bool{}, map[fieldKey]bool{}, map[string]bool{}, map[string][]*types.Interface{}
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			t.Fatalf("%s: %v", p.PkgPath, p.Errors)
		}
		note(p, used)
		noteFields(p, fields)
		for path := range p.Imports {
			imported[path] = true
		}
	}
	for _, p := range loaded {
		methods(p.Types, interfaces)
		for _, imported := range p.Types.Imports() {
			if slices.Contains(standard, imported.Path()) {
				methods(imported, interfaces)
			}
		}
	}
	var unused []string
	known := map[string]bool{}
	for _, p := range loaded {
		// What no package imports is for tests.
		if !strings.HasPrefix(p.PkgPath, "souk/router/") || slices.Contains(public, p.PkgPath) || !imported[p.PkgPath] {
			continue
		}
		for _, object := range exported(p.Types) {
			known[full(object)] = true
			if name := full(object); !used[name] && allowed[name] == "" && !implements(object, interfaces) {
				unused = append(unused, name)
			}
		}
		for _, f := range exportedFields(p.Types) {
			known[f.name] = true
			if !fields[f.key(p.Fset)] && allowed[f.name] == "" && allowed[f.owner] == "" {
				unused = append(unused, f.name)
			}
		}
	}
	slices.Sort(unused)
	for _, name := range unused {
		t.Errorf("%s is exported, but no program uses it; delete it, or do not export it", name)
	}
	for name := range allowed {
		if !known[name] {
			t.Errorf("%s is allowed, but there is no such export; remove it from the list", name)
		}
	}
}

// note adds the functions, methods, types, variables and constants that a package
// uses.
func note(p *packages.Package, used map[string]bool) {
	for at, object := range p.TypesInfo.Uses {
		if object.Pkg() == nil || at == nil {
			continue
		}
		if f, ok := object.(*types.Func); ok {
			object = f.Origin()
		}
		used[full(object)] = true
	}
}

// full names an object with its package and, for a method, its type.
func full(object types.Object) string {
	name := object.Name()
	if f, ok := object.(*types.Func); ok {
		if receiver := f.Signature().Recv(); receiver != nil {
			t := receiver.Type()
			if pointer, ok := t.(*types.Pointer); ok {
				t = pointer.Elem()
			}
			if named, ok := t.(*types.Named); ok {
				name = named.Obj().Name() + "." + name
			}
		}
	}
	return object.Pkg().Path() + "." + name
}

// exported gives a package's exported functions, types, variables and constants, and
// the exported methods of its exported types.
func exported(p *types.Package) []types.Object {
	var list []types.Object
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		list = append(list, object)
		if _, isType := object.(*types.TypeName); !isType {
			continue
		}
		if named, ok := object.Type().(*types.Named); ok {
			for i := range named.NumMethods() {
				if m := named.Method(i); m.Exported() {
					list = append(list, m)
				}
			}
		}
	}
	return list
}

// implements says whether an object is a method by which its type implements an
// interface, through which it may be called.
func implements(object types.Object, interfaces map[string][]*types.Interface) bool {
	f, ok := object.(*types.Func)
	if !ok || f.Signature().Recv() == nil {
		return false
	}
	switch f.Name() {
	case "Error", "Unwrap", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText":
		return true // packages errors and encoding/json find these by themselves
	}
	receiver := f.Signature().Recv().Type()
	if _, ok := receiver.(*types.Pointer); !ok {
		receiver = types.NewPointer(receiver)
	}
	return slices.ContainsFunc(interfaces[f.Name()], func(i *types.Interface) bool { return types.Implements(receiver, i) })
}

// methods adds the interfaces of a package by the names of their methods.
func methods(p *types.Package, interfaces map[string][]*types.Interface) {
	if p == nil {
		return
	}
	for _, name := range p.Scope().Names() {
		named, ok := p.Scope().Lookup(name).(*types.TypeName)
		if !ok {
			continue
		}
		if i, ok := named.Type().Underlying().(*types.Interface); ok && !i.IsImplicit() {
			for j := range i.NumMethods() {
				interfaces[i.Method(j).Name()] = append(interfaces[i.Method(j).Name()], i)
			}
		}
	}
}
