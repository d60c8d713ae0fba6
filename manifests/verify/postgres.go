package verify

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// harmless are the settings of Postgres that decide how much it uses or logs. Others may lose
// what is committed (fsync, full_page_writes, synchronous_commit), let others in, or stop
// vacuuming, so they need a check of their values first.
var harmless = []string{"max_connections", "shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size", "log_min_duration_statement"}

// databaseVariables are those of a database's Secret that its image reads, and the URL of its
// service. POSTGRES_HOST_AUTH_METHOD=trust would let in everybody, without a password.
var databaseVariables = []string{"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "DATABASE_URL"}

// checkSettings wants the databases to have the same settings except for their number of
// connections, and none that is not harmless.
func (d Documents) checkSettings() (err error) {
	all := map[string]map[string]string{}
	for _, document := range d.OfKind("StatefulSet") {
		if !strings.HasSuffix(document.GetName(), "-postgres") {
			continue
		}
		var set appsv1.StatefulSet
		if wrong := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &set); wrong != nil {
			return wrong
		}
		server := set.Spec.Template.Spec.Containers[0]
		settings, wrong := settingsOf(server)
		all[set.Name] = settings
		err = errors.Join(err, inContext(set.Name, wrong, d.checkDatabaseVariables(server)))
	}
	for _, document := range d.OfKind("Cluster") {
		settings, _, wrong := unstructured.NestedStringMap(document.Object, "spec", "postgresql", "parameters")
		all[document.GetName()] = settings
		err = errors.Join(err, inContext(document.GetName(), wrong))
	}
	var common map[string]string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		settings := all[name]
		for setting, value := range settings {
			if !slices.Contains(harmless, setting) {
				err = errors.Join(err, fmt.Errorf("%s has %s=%s, and no check knows the values of that setting", name, setting, value))
			}
		}
		delete(settings, "max_connections") // checkConnections
		if common == nil {
			common = settings
		}
		if !maps.Equal(settings, common) {
			err = errors.Join(err, fmt.Errorf("%s has the settings %v, and others have %v", name, settings, common))
		}
	}
	return err
}

// settingsOf returns the settings in the arguments of a server, which are all of the form
// -c name=value: others, such as -F, change settings, too.
func settingsOf(server corev1.Container) (map[string]string, error) {
	settings := map[string]string{}
	if len(server.Command) > 0 {
		return settings, fmt.Errorf("it runs %q and not what its image does", server.Command)
	}
	for i, argument := range server.Args {
		name, value, found := strings.Cut(argument, "=")
		switch {
		case i%2 == 0 && argument != "-c", i%2 == 1 && !found:
			return settings, fmt.Errorf("its argument %s is not of the form -c name=value", argument)
		case i%2 == 1:
			settings[name] = value
		}
	}
	return settings, nil
}

func (d Documents) checkDatabaseVariables(server corev1.Container) (err error) {
	for _, e := range server.Env {
		if e.Name != "PGDATA" {
			err = errors.Join(err, fmt.Errorf("no check knows its variable %s", e.Name))
		}
	}
	for _, from := range server.EnvFrom {
		if from.SecretRef == nil {
			continue // checkServer
		}
		for _, document := range d.OfKind("Secret") {
			data, _, _ := unstructured.NestedStringMap(document.Object, "stringData")
			for _, key := range slices.Sorted(maps.Keys(data)) {
				if document.GetName() == from.SecretRef.Name && !slices.Contains(databaseVariables, key) {
					err = errors.Join(err, fmt.Errorf("no check knows its variable %s", key))
				}
			}
		}
	}
	return err
}
