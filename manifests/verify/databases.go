package verify

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// checkServer wants a database that lets its program in: with the user, password
// and name of the program's URL, with its data in the volume, and with an
// exporter that reads this database.
func (d Documents) checkServer(program *url.URL) error {
	var set appsv1.StatefulSet
	if err := d.find("StatefulSet", program.Hostname(), &set); err != nil {
		return err
	}
	password, _ := program.User.Password()
	server := set.Spec.Template.Spec.Containers[0]
	if len(server.EnvFrom) != 1 || server.EnvFrom[0].SecretRef == nil {
		return fmt.Errorf("the database %s does not have its variables from one Secret", set.Name)
	}
	secret := server.EnvFrom[0].SecretRef.Name
	for key, want := range map[string]string{"POSTGRES_USER": program.User.Username(), "POSTGRES_PASSWORD": password, "POSTGRES_DB": strings.TrimPrefix(program.Path, "/")} {
		if values := d.values("Secret", set.Namespace, secret, key); len(values) != 1 || values[0] != want {
			return fmt.Errorf("%s of the Secret %s is not what its DATABASE_URL has", key, secret)
		}
	}
	if data := variable(server, "PGDATA"); data == nil || !keeps(&set, data.Value) {
		return fmt.Errorf("the data of %s are not in its volume", set.Name)
	}
	for _, c := range set.Spec.Template.Spec.Containers[1:] {
		if uri := variable(c, "DATA_SOURCE_URI"); uri != nil && uri.Value != "localhost:5432"+program.Path+"?sslmode=disable" {
			return fmt.Errorf("the exporter of %s reads %s", set.Name, uri.Value)
		}
	}
	return nil
}

// keeps reports whether a path is below a mount of one of the set's claims.
func keeps(set *appsv1.StatefulSet, path string) bool {
	for _, claim := range set.Spec.VolumeClaimTemplates {
		for _, mount := range set.Spec.Template.Spec.Containers[0].VolumeMounts {
			if mount.Name == claim.Name && strings.HasPrefix(path, mount.MountPath+"/") {
				return true
			}
		}
	}
	return false
}

// checkBackup wants each database to be backed up, with its own credentials, by a client of
// its version, and to a volume.
func (d Documents) checkBackup() error {
	var job batchv1.CronJob
	if err := d.find("CronJob", "backup", &job); err != nil {
		return err
	}
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	if len(pod.InitContainers) != 1 {
		return errors.New("backup: it does not make the dumps before it uploads them")
	}
	c := pod.InitContainers[0]
	services, volume := variable(c, "SERVICES"), variable(c, "BACKUPS")
	if services == nil || volume == nil {
		return errors.New("backup: it has no SERVICES or no BACKUPS")
	}
	backedUp := strings.Fields(services.Value)
	for _, service := range backedUp {
		if !d.Has("StatefulSet", "ecommerce", service+"-postgres") {
			return fmt.Errorf("backup: the backups stop at %s, which has no database", service)
		}
	}
	for _, name := range d.programs()[1:] {
		service := subcommand(name)
		if !slices.Contains(backedUp, service) {
			return fmt.Errorf("backup: the database of %s is not backed up", name)
		}
		if !slices.ContainsFunc(c.EnvFrom, func(e corev1.EnvFromSource) bool {
			return e.Prefix == strings.ToUpper(service)+"_" && e.SecretRef != nil && e.SecretRef.Name == service+"-database"
		}) {
			return fmt.Errorf("backup: it lacks the credentials of the database of %s", name)
		}
		var set appsv1.StatefulSet
		if err := d.find("StatefulSet", service+"-postgres", &set); err != nil {
			return err
		}
		if image := set.Spec.Template.Spec.Containers[0].Image; image != c.Image {
			return fmt.Errorf("backup: %s backs up a database of %s", c.Image, image)
		}
	}
	if !d.claimAt(pod, c, volume.Value) {
		return fmt.Errorf("backup: no volume is mounted at %s", volume.Value)
	}
	return d.checkUpload(pod)
}

// claimAt reports whether a container has a volume that outlives its pod at a path.
func (d Documents) claimAt(pod corev1.PodSpec, c corev1.Container, path string) bool {
	for _, mount := range c.VolumeMounts {
		for _, v := range pod.Volumes {
			if mount.MountPath == path && v.Name == mount.Name && v.PersistentVolumeClaim != nil {
				return d.Has("PersistentVolumeClaim", "ecommerce", v.PersistentVolumeClaim.ClaimName)
			}
		}
	}
	return false
}

// checkUpload wants the backups to be uploaded from their volume, and recorded in the database
// whose exporter reads the record: the one of orders.
func (d Documents) checkUpload(pod corev1.PodSpec) error {
	c := pod.Containers[0]
	if len(c.Args) < 3 || c.Args[0] != "backup" || c.Args[1] != "upload" || !d.claimAt(pod, c, c.Args[2]) {
		return fmt.Errorf("backup: %v does not upload the volume of the backups", c.Args)
	}
	database := variable(c, "DATABASE_URL")
	if database == nil || database.ValueFrom == nil || database.ValueFrom.SecretKeyRef == nil || database.ValueFrom.SecretKeyRef.Name != "order-database" {
		return errors.New("backup: it does not record the backups in the database of order-service")
	}
	if len(c.EnvFrom) != 1 || c.EnvFrom[0].SecretRef == nil || c.EnvFrom[0].SecretRef.Optional == nil || !*c.EnvFrom[0].SecretRef.Optional {
		return errors.New("backup: it does not have the bucket from an optional Secret")
	}
	var set appsv1.StatefulSet
	if err := d.find("StatefulSet", "order-postgres", &set); err != nil {
		return err
	}
	exporter := set.Spec.Template.Spec.Containers[1]
	queries := variable(exporter, "PG_EXPORTER_EXTEND_QUERY_PATH")
	if queries == nil {
		return errors.New("order-postgres: its exporter does not read the record of the backups")
	}
	for _, mount := range exporter.VolumeMounts {
		for _, v := range set.Spec.Template.Spec.Volumes {
			file, below := strings.CutPrefix(queries.Value, mount.MountPath+"/")
			if !below || v.Name != mount.Name || v.ConfigMap == nil {
				continue
			}
			if texts := d.values("ConfigMap", set.Namespace, v.ConfigMap.Name, file); len(texts) == 1 {
				return inContext("order-postgres: "+file, d.checkQueries(texts[0]))
			}
		}
	}
	return fmt.Errorf("order-postgres: its exporter has no file %s", queries.Value)
}

// checkImages wants one release of the store: one tag for all containers of a version.
// The pods of a canary have a version of their own.
func checkImages(pods []*corev1.Pod) error {
	releases := map[string]string{} // by version
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			if !strings.HasPrefix(c.Image, "souk:") {
				continue
			}
			version := pod.Labels["version"]
			if releases[version] == "" {
				releases[version] = c.Image
			}
			if first := releases[version]; c.Image != first {
				return fmt.Errorf("pod %s runs %s, and others run %s", pod.Name, c.Image, first)
			}
		}
	}
	return nil
}

// checkRules wants every DestinationRule to use the mesh's certificates: the
// other side accepts nothing else. A VirtualService of the mesh must be for a
// Service, which Istio's analyzers do not check.
func (d Documents) checkRules() (err error) {
	for _, document := range d.OfKind("DestinationRule") {
		mode, _, _ := unstructured.NestedString(document.Object, "spec", "trafficPolicy", "tls", "mode")
		if mode != "ISTIO_MUTUAL" && !d.ambient() { // ztunnel decides
			err = errors.Join(err, fmt.Errorf("%s: DestinationRule %s has the TLS mode %q", document.File, document.GetName(), mode))
		}
	}
	for _, document := range d.OfKind("VirtualService") {
		hosts, _, _ := unstructured.NestedStringSlice(document.Object, "spec", "hosts")
		for _, host := range hosts {
			if host != "*" && !d.Has("Service", document.GetNamespace(), host) {
				err = errors.Join(err, fmt.Errorf("%s: VirtualService %s is for %s, which is no Service", document.File, document.GetName(), host))
			}
		}
	}
	return err
}
