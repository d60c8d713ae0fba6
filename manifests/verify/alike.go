package verify

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// services are what the five services and the payment provider are called in the names of
// their objects.
var services = []string{"user", "product", "inventory", "order", "notification", "payment"}

// differing are the values in which the objects of the services differ on purpose, by kind and
// path. checkPrograms, the calls and the references verify them.
var differing = regexp.MustCompile(`^(Deployment/SERVICE-(service|provider) (spec\.template\.spec\.containers\[0\]\.(env|args)|spec\.template\.metadata\.annotations\.prometheus|` +
	`spec\.template\.spec\.containers\[0\]\.resources)|` +
	`(HorizontalPodAutoscaler|PodDisruptionBudget|Service|ServiceAccount)/SERVICE-\S+ spec\.(maxReplicas|metrics)|` +
	`ScheduledBackup/SERVICE-postgres spec\.schedule|` +
	`StatefulSet/SERVICE-postgres (spec\.template\.spec\.(containers\[0\]\.(args|resources)|containers\[1\]\.(env\[3\]|volumeMounts)|volumes\[2\])|spec\.volumeClaimTemplates\[0\]\.spec\.resources))`)

// checkAlike wants the objects of the services to be alike except for their names and what is
// listed: a value that only one of them has is a mistake. It reports what differs from most.
func (d Documents) checkAlike() (err error) {
	values := map[string]map[string][]string{} // path, value, services
	services := slices.DeleteFunc(slices.Clone(services), func(name string) bool { return name == "payment" && !d.simulated() })
	for _, service := range services {
		name := regexp.MustCompile(`\b` + service + `\b`)
		for _, document := range d {
			if !slices.Contains([]string{"Deployment", "StatefulSet", "Service", "ServiceAccount", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Cluster", "ScheduledBackup"}, document.GetKind()) ||
				!strings.HasPrefix(document.GetName(), service+"-") {
				continue
			}
			object := document.GetKind() + "/" + strings.Replace(name.ReplaceAllString(document.GetName(), "SERVICE"), "SERVICE-provider", "SERVICE-service", 1)
			for path, value := range leaves(document.Object, "") {
				path = object + " " + path
				value = strings.ReplaceAll(name.ReplaceAllString(value, "SERVICE"), "SERVICE-provider", "SERVICE-service")
				if differing.MatchString(path) {
					continue
				}
				if values[path] == nil {
					values[path] = map[string][]string{}
				}
				values[path][value] = append(values[path][value], service)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(values)) {
		var common string
		count := 0
		for value, having := range values[path] {
			count += len(having)
			if len(having) > len(values[path][common]) {
				common = value
			}
		}
		if count == len(services) && len(values[path]) == 1 {
			continue
		}
		for _, service := range services {
			if !slices.Contains(values[path][common], service) {
				err = errors.Join(err, fmt.Errorf("%s of %s is not %q, as the others have it", path, service, common))
			}
		}
	}
	return err
}

// leaves returns the values of an object by path.
func leaves(node any, path string) map[string]string {
	all := map[string]string{}
	switch at := node.(type) {
	case map[string]any:
		if len(at) == 0 {
			all[path] = "{}"
		}
		for key, value := range at {
			maps.Copy(all, leaves(value, strings.TrimPrefix(path+"."+key, ".")))
		}
	case []any:
		for i, item := range at {
			maps.Copy(all, leaves(item, fmt.Sprintf("%s[%d]", path, i)))
		}
	default:
		all[path] = fmt.Sprint(at)
	}
	return all
}
