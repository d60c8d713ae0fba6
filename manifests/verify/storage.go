package verify

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// The least that volumes need, for what their programs write. Amounts of a small store: one with
// more data needs more.
const (
	// Postgres keeps up to 1 GiB of its log (max_wal_size), and may exceed that under load.
	postgresVolume = 2 << 30
	// A backup: the compressed dumps of all databases. One is made while KEEP of them are there,
	// and a failed one may have stayed.
	backupVolume = 1 << 30
	// Silences and the log of notifications, of five days.
	alertmanagerVolume = 256 << 20
	// What a Sentinel knows: a file of some kilobytes, twice while it is written.
	sentinelVolume = 16 << 20
	// The file of Redis grows to twice its memory before it is rewritten. Then the new file and
	// what is written meanwhile are there as well; a replica also receives the data as a file.
	redisVolume, replicaVolume = 4, 5
	// The percentage of its volume that Prometheus may fill. It deletes blocks only once the
	// size is exceeded.
	prometheusShare = 90
)

// checkStorage wants every volume to hold what its program may write.
func (d Documents) checkStorage() (err error) {
	check := func(name string, text any, need int64, wrong error) {
		size, invalid := resource.ParseQuantity(fmt.Sprint(text))
		if wrong = errors.Join(wrong, invalid); wrong == nil && size.Value() < need {
			wrong = fmt.Errorf("its volume has %s, and needs %s", size.String(), resource.NewQuantity(need, resource.BinarySI))
		}
		err = errors.Join(err, inContext(name, wrong))
	}
	for _, document := range d.OfKind("StatefulSet") {
		var set appsv1.StatefulSet
		if wrong := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &set); wrong != nil {
			return wrong
		}
		for _, claim := range set.Spec.VolumeClaimTemplates {
			need, wrong := d.written(&set)
			check(set.Name, claim.Spec.Resources.Requests.Storage(), need, wrong)
		}
	}
	for _, document := range d.OfKind("PersistentVolumeClaim") {
		text, _, _ := unstructured.NestedString(document.Object, "spec", "resources", "requests", "storage")
		if document.GetName() != "backup" {
			err = errors.Join(err, fmt.Errorf("no check knows what is written to the volume %s", document.GetName()))
			continue
		}
		keep, wrong := d.kept()
		check("backup", text, int64(keep[0]+2)*backupVolume, wrong)
	}
	for _, document := range d.OfKind("Cluster") {
		text, _, _ := unstructured.NestedString(document.Object, "spec", "storage", "size")
		check(document.GetName(), text, postgresVolume, nil)
	}
	return err
}

// written returns how much a program writes to its volume.
func (d Documents) written(set *appsv1.StatefulSet) (int64, error) {
	switch name := set.Name; {
	case strings.HasSuffix(name, "-postgres"):
		return postgresVolume, nil
	case name == "redis" || name == "redis-server":
		most, err := maxmemory(d.redisConf(name))
		times := int64(redisVolume)
		if name == "redis-server" {
			times = replicaVolume
		}
		return times * most.Value(), err
	case name == "redis-sentinel":
		return sentinelVolume, nil
	case name == "alertmanager":
		return alertmanagerVolume, nil
	case name == "prometheus":
		return retained(set.Spec.Template.Spec.Containers[0])
	}
	return 0, errors.New("no check knows what it writes to its volume")
}

var retentionSize = regexp.MustCompile(`^--storage\.tsdb\.retention\.size=(\d+)([KMGT])B$`)

// retained returns the volume for the size of samples that Prometheus keeps. Its units are powers
// of two.
func retained(c corev1.Container) (int64, error) {
	for _, argument := range c.Args {
		if found := retentionSize.FindStringSubmatch(argument); found != nil {
			size, err := resource.ParseQuantity(found[1] + found[2] + "i")
			return size.Value() * 100 / prometheusShare, err
		}
	}
	return 0, errors.New("it has no --storage.tsdb.retention.size, so it may fill its volume")
}
