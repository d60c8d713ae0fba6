package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
)

// unset are the variables that a service may lack although they have no default, and why.
var unset = map[string]string{
	"EVENTS_TOKEN":       "without it a service has no /events, and the router's console shows none",
	"JWT_PRIVATE_KEY":    "without it the user service makes keys and rotates them",
	"ADMIN_PASSWORD":     "only the first start of the user service needs it",
	"IMAGE_BASE_URL":     "without it the address of a picture is a path of the gateway",
	"SMS_WEBHOOK_URL":    "a store may send no text messages",
	"SMS_WEBHOOK_SECRET": "a webhook inside the cluster needs no signature",
}

// checkEnvironment wants each program to have the variables that it reads and that have no
// default. A service that lacks one would start, and work without what the variable configures.
// A default that is an address must be that of a Service. sources is the top directory of the
// repository, which has the programs.
func (d Documents) checkEnvironment(sources string) (err error) {
	for _, name := range d.programs() {
		var deployment appsv1.Deployment
		if wrong := d.find("Deployment", name, &deployment); wrong != nil {
			return wrong
		}
		var read []readVariable
		var wrong error
		if name == "api-gateway" {
			read, wrong = d.referenced(deployment.Namespace, name), nil
		} else {
			read, wrong = variablesOf(sources, subcommand(name))
		}
		if wrong != nil {
			return wrong
		}
		for _, v := range read {
			err = errors.Join(err, inContext(name, d.checkVariable(&deployment, v)))
		}
	}
	return err
}

// checkVariable wants a program to have a variable with a value, unless it needs none.
func (d Documents) checkVariable(deployment *appsv1.Deployment, v readVariable) error {
	c := deployment.Spec.Template.Spec.Containers[0]
	switch own := variable(c, v.name); {
	case own != nil:
		if ref := secretOf(c, v.name); ref != nil {
			if values := d.values("Secret", deployment.Namespace, ref.Name, ref.Key); len(values) == 1 && values[0] == "" {
				return fmt.Errorf("its variable %s is empty in the Secret %s", v.name, ref.Name)
			}
		}
		return nil
	case v.otherwise == "" && unset[v.name] == "":
		return fmt.Errorf("it lacks the variable %s, which has no default", v.name)
	}
	if to, wrong := url.Parse(v.otherwise); wrong == nil && to.Host != "" && !d.Has("Service", deployment.Namespace, to.Hostname()) {
		return fmt.Errorf("it lacks the variable %s, and there is no Service for its default %s", v.name, v.otherwise)
	}
	return nil
}

// referenced returns the variables that the router's configuration needs.
func (d Documents) referenced(namespace, name string) (all []readVariable) {
	for _, text := range d.values("ConfigMap", namespace, name, "router.yaml") {
		for _, found := range variableReference.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(found[0], ":-") {
				all = append(all, readVariable{name: found[1]})
			}
		}
	}
	return all
}

// A readVariable is a variable that a program reads, and its default if it has one.
type readVariable struct{ name, otherwise string }

// known are the variables of each service that the sources of a directory have been read for.
var known sync.Map

// variablesOf returns the variables that the program of a service reads: those of the table in
// docs/environment.md that its source has as a string, and the addresses of the services that it
// calls.
func variablesOf(sources, service string) ([]readVariable, error) {
	key := filepath.Join(sources, service)
	if all, found := known.Load(key); found {
		return all.([]readVariable), nil
	}
	documented, err := documentedVariables(sources)
	if err != nil {
		return nil, err
	}
	paths := []string{filepath.Join(sources, "subgraphs", service), filepath.Join(sources, "subgraphs", "internal", "server"), filepath.Join(sources, "subgraphs", "internal", "graphql")}
	if service == "payment" {
		paths = []string{filepath.Join(sources, "cli", "payment.go")}
	}
	text, err := sourceBelow(paths)
	if err != nil {
		return nil, err
	}
	var all []readVariable
	for _, v := range documented {
		if strings.Contains(text, `"`+v.name+`"`) {
			all = append(all, v)
		}
	}
	for _, found := range calledService.FindAllStringSubmatch(text, -1) {
		v := readVariable{name: strings.ToUpper(found[1]) + "_SERVICE_URL", otherwise: "http://" + found[1] + "-service:8080"}
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	if !slices.ContainsFunc(all, func(v readVariable) bool { return v.name == "DATABASE_URL" }) {
		return nil, fmt.Errorf("the source of %s reads no DATABASE_URL, which is not so", service)
	}
	known.Store(key, all)
	return all, nil
}

var (
	calledService = regexp.MustCompile(`\.Services\["(\w+)"\]`)
	tableRow      = regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| ([^|]+) \\|")
)

// documentedVariables returns those of the table "Services" of docs/environment.md, which a test
// in docs/ compares with the programs.
func documentedVariables(sources string) (all []readVariable, err error) {
	page, err := os.ReadFile(filepath.Join(sources, "docs", "environment.md"))
	if err != nil {
		return nil, err
	}
	_, section, found := strings.Cut(string(page), "\n## Services\n")
	if !found {
		return nil, errors.New("docs/environment.md has no section Services")
	}
	for _, row := range tableRow.FindAllStringSubmatch(section, -1) {
		defaults := strings.Split(row[2], ", ")
		for i, name := range strings.Split(row[1], ", ") {
			otherwise := strings.Trim(defaults[min(i, len(defaults)-1)], "` ")
			switch otherwise {
			case "…": // one is like the others: variablesOf
				continue
			case "–":
				otherwise = ""
			}
			if name = strings.Trim(name, "`"); !strings.HasSuffix(name, "_SERVICE_URL") {
				all = append(all, readVariable{name: name, otherwise: otherwise})
			}
		}
	}
	return all, nil
}

// sourceBelow returns the Go source of programs in some directories, without that of tests.
func sourceBelow(paths []string) (string, error) {
	var all strings.Builder
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return all.String(), nil
}
