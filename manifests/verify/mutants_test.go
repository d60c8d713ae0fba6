package verify

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

var (
	mutantCount = flag.Int("mutants", 0, "how many changes of the manifests TestMutantsAreNoticed tries; -1 means all")
	mutantSeed  = flag.Uint64("mutants.seed", 1, "selects the changes")
)

// A mutant is a change of one value, or the removal of one.
type mutant struct {
	document int
	path     []any // keys of maps and indexes of lists
	removed  bool
	value    any
}

// name is FILE KIND/NAME PATH CHANGE, as mutants.txt has it.
func (m mutant) name(all Documents) string {
	d := all[m.document]
	var path strings.Builder
	for _, step := range m.path {
		if key, ok := step.(string); ok {
			fmt.Fprintf(&path, ".%s", key)
		} else {
			fmt.Fprintf(&path, "[%v]", step)
		}
	}
	change := "removed"
	if !m.removed {
		change = fmt.Sprintf("= %v", m.value)
	}
	return fmt.Sprintf("%s %s/%s %s %s", d.File, d.GetKind(), d.GetName(), strings.TrimPrefix(path.String(), "."), change)
}

// of returns the documents with the change.
func (m mutant) of(all Documents) Documents {
	changed := slices.Clone(all)
	changed[m.document].Unstructured = all[m.document].DeepCopy()
	changed[m.document].Object = m.apply(changed[m.document].Object, m.path).(map[string]any)
	return changed
}

func (m mutant) apply(node any, path []any) any {
	if len(path) == 0 {
		return m.value
	}
	switch at := node.(type) {
	case map[string]any:
		key := path[0].(string)
		if len(path) == 1 && m.removed {
			delete(at, key)
		} else {
			at[key] = m.apply(at[key], path[1:])
		}
	case []any:
		i := path[0].(int)
		if len(path) == 1 && m.removed {
			return slices.Delete(at, i, i+1)
		}
		at[i] = m.apply(at[i], path[1:])
	}
	return node
}

// generated are the ConfigMaps that another test compares with their sources.
var generated = regexp.MustCompile(`^(api-gateway-(graph|rest)|prometheus|prometheus-rules|otel-collector|jaeger-config|grafana|grafana-dashboards|load-test|alertmanager)$`)

// mutants returns all changes of the documents.
func mutants(all Documents) []mutant {
	var list []mutant
	for i, d := range all {
		var walk func(node any, path []any)
		add := func(path []any, removed bool, value any) {
			list = append(list, mutant{document: i, path: slices.Clone(path), removed: removed, value: value})
		}
		walk = func(node any, path []any) {
			if len(path) > 1 {
				add(path, true, nil)
			}
			switch at := node.(type) {
			case map[string]any:
				for _, key := range slices.Sorted(maps.Keys(at)) {
					walk(at[key], append(path, key))
				}
			case []any:
				for index, item := range at {
					walk(item, append(path, index))
				}
			default:
				add(path, false, another(at))
			}
		}
		for _, key := range slices.Sorted(maps.Keys(d.Object)) {
			if d.GetKind() == "ConfigMap" && key == "data" && generated.MatchString(d.GetName()) {
				continue
			}
			walk(d.Object[key], []any{key})
		}
	}
	return list
}

var number = regexp.MustCompile(`^[0-9]`)

// another returns another value of the same type.
func another(value any) any {
	switch v := value.(type) {
	case bool:
		return !v
	case int64:
		return v + 1
	case float64:
		return v + 1
	case string:
		if number.MatchString(v) {
			return "1" + v
		}
		return v + "x"
	}
	return "x"
}

// checkFast runs the checks that need no other program and no control plane.
func checkFast(all Documents) (err error) {
	defer func() { // a check that fails on what is missing has noticed it
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	for _, d := range all {
		if err := checkTyped(d); err != nil {
			return err
		}
	}
	pods, err := all.Pods()
	if err != nil {
		return err
	}
	for _, check := range []func() error{
		all.checkAlike, func() error { return all.checkUniform(pods, "../..") },
		all.CheckReferences, all.CheckSelections, all.CheckPrograms, all.checkRedis,
		func() error { return all.CheckFiles(pods) },
		func() error { return all.CheckTimeouts("../..") },
		func() error { return all.checkOperated(pods, "../..") },
		func() error { return checkMonitoring(all) },
		func() error { return callsPass(all, pods) },
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkTyped wants an object of Kubernetes to have no other fields and types than its kind.
func checkTyped(d Document) error {
	object, err := scheme.Scheme.New(d.GroupVersionKind())
	if err != nil {
		if strings.HasSuffix(d.GroupVersionKind().Group, "istio.io") {
			return nil // Istio's analyzers read it
		}
		return err
	}
	return kuberuntime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(d.Object, object, true)
}

func callsPass(all Documents, pods []*corev1.Pod) error {
	return getThroughPods(all, ofStore(pods), allowed)
}

// An allowance is a line of mutants.txt: changes that no check needs to notice.
type allowance struct {
	pattern *regexp.Regexp
	text    string
	used    bool
}

// allowances reads mutants.txt: a reason after "#", and the patterns that it covers.
func allowances(t *testing.T) []*allowance {
	t.Helper()
	text, err := os.ReadFile("mutants.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []*allowance
	reason := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			reason = false
		case strings.HasPrefix(line, "#"):
			reason = true
		case !reason:
			t.Fatalf("mutants.txt: %q has no reason above it", line)
		default:
			pattern, err := regexp.Compile("^(?:" + line + ")")
			if err != nil {
				t.Fatalf("mutants.txt: %v", err)
			}
			list = append(list, &allowance{pattern: pattern, text: line})
		}
	}
	return list
}

// Every change of a value in the manifests is noticed by a fast check, or mutants.txt has the
// reason why it is not.
func TestMutantsAreNoticed(t *testing.T) {
	if *mutantCount == 0 {
		t.Skip("runs by make mutants")
	}
	all := read(t)
	if err := checkFast(all); err != nil {
		t.Fatal(err)
	}
	list, allowed := mutants(all), allowances(t)
	random := rand.New(rand.NewPCG(*mutantSeed, 0))
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	total := len(list)
	if *mutantCount > 0 {
		list = list[:min(*mutantCount, len(list))]
	}
	survived := make([]bool, len(list))
	work := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range work {
				survived[i] = checkFast(list[i].of(all)) == nil
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	workers.Wait()
	var unnoticed []string
	excused := 0
	for i, m := range list {
		if !survived[i] {
			continue
		}
		name := m.name(all)
		at := slices.IndexFunc(allowed, func(a *allowance) bool { return a.pattern.MatchString(name) })
		if at < 0 {
			unnoticed = append(unnoticed, name)
			continue
		}
		allowed[at].used = true
		excused++
	}
	slices.Sort(unnoticed)
	for _, name := range unnoticed {
		t.Errorf("not noticed: %s", name)
	}
	for _, a := range allowed {
		if len(list) == total && !a.used {
			t.Logf("mutants.txt: every change that matches %q is noticed, or matches a line before it", a.text)
		}
	}
	t.Log(strconv.Itoa(len(list)), "of", total, "changes tried with the seed", *mutantSeed, "-", len(list)-excused-len(unnoticed), "noticed,", excused, "in mutants.txt,", len(unnoticed), "neither")
}
