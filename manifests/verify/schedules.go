package verify

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Bounds of backups. The alert BackupMissing fires when the last one is 26 hours old, and a
// mistake may be found only after a holiday.
const (
	keptBackups = 7
	backupTime  = time.Hour // that a backup must be given
)

// checkSchedules wants jobs to run, and backups to be made every night and kept.
func (d Documents) checkSchedules() error {
	err := d.checkSuspended()
	for _, document := range d.OfKind("CronJob") {
		var job batchv1.CronJob
		if missing := d.find("CronJob", document.GetName(), &job); missing != nil {
			return missing
		}
		err = errors.Join(err, inContext("CronJob "+job.Name, checkNightly(job.Spec.Schedule), checkCronJob(job.Spec)))
	}
	keep, missing := d.kept()
	return errors.Join(err, missing, inContext("backup", d.checkOrder(), checkKeep(keep)))
}

// checkSuspended wants nothing that runs at times to be turned off.
func (d Documents) checkSuspended() (err error) {
	for _, document := range d.OfKind("CronJob", "Job", "ScheduledBackup") {
		if suspended, _, _ := unstructured.NestedFieldNoCopy(document.Object, "spec", "suspend"); suspended != nil && suspended != false {
			err = errors.Join(err, fmt.Errorf("%s: %s %s is suspended", document.File, document.GetKind(), document.GetName()))
		}
	}
	return err
}

// checkNightly wants a time of day, on every day, and no more than once.
func checkNightly(schedule string) error {
	fields := strings.Fields(schedule)
	if len(fields) != 5 || !slices.Equal(fields[2:], []string{"*", "*", "*"}) {
		return fmt.Errorf("%q is not a time of every day", schedule)
	}
	for i, below := range []int{60, 24} {
		if n, err := strconv.Atoi(fields[i]); err != nil || n < 0 || n >= below {
			return fmt.Errorf("%q is not a time of every day", schedule)
		}
	}
	return nil
}

// checkCronJob wants runs that do not meet, that start although the control plane was away for
// some minutes, that have time, and of which one can see the last.
func checkCronJob(spec batchv1.CronJobSpec) error {
	job := spec.JobTemplate.Spec
	if spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		return fmt.Errorf("runs may meet (%s)", spec.ConcurrencyPolicy)
	}
	if zone := spec.TimeZone; zone == nil || *zone != "Etc/UTC" {
		return errors.New("its schedule is not in UTC")
	}
	if late := spec.StartingDeadlineSeconds; late != nil && *late < 600 {
		return fmt.Errorf("it is not run when it is %d s late", *late)
	}
	if n := spec.FailedJobsHistoryLimit; n != nil && *n < 1 {
		return errors.New("nobody sees why it failed")
	}
	if n := spec.SuccessfulJobsHistoryLimit; n != nil && *n < 1 {
		return errors.New("nobody sees what it did")
	}
	if limit := job.ActiveDeadlineSeconds; limit == nil || time.Duration(*limit)*time.Second < backupTime || *limit > 24*3600 {
		return errors.New("its time is not between an hour and a day")
	}
	if retries := job.BackoffLimit; retries == nil || *retries < 1 || *retries > 6 {
		return errors.New("it is not tried a few times")
	}
	if one := func(n *int32) bool { return n == nil || *n == 1 }; !one(job.Completions) || !one(job.Parallelism) {
		return errors.New("its pods are not one after the other")
	}
	return nil
}

// kept returns how many backups stay in the volume, and how many in the bucket.
func (d Documents) kept() (keep [2]int, err error) {
	var job batchv1.CronJob
	if err := d.find("CronJob", "backup", &job); err != nil {
		return keep, err
	}
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	if len(pod.InitContainers) != 1 || len(pod.Containers) != 1 {
		return keep, errors.New("backup: it does not make and upload dumps")
	}
	if v := variable(pod.InitContainers[0], "KEEP"); v != nil {
		if keep[0], err = strconv.Atoi(v.Value); err != nil {
			return keep, fmt.Errorf("backup: KEEP: %w", err)
		}
	}
	for _, argument := range pod.Containers[0].Args {
		if value, found := strings.CutPrefix(argument, "--keep="); found {
			if keep[1], err = strconv.Atoi(value); err != nil {
				return keep, fmt.Errorf("backup: %s: %w", argument, err)
			}
		}
	}
	return keep, nil
}

// checkKeep wants backups of a week in the volume, and no fewer in the bucket.
func checkKeep(keep [2]int) error {
	if keep[0] < keptBackups || keep[0] > 100 || keep[1] < keep[0] {
		return fmt.Errorf("%d backups stay in the volume and %d in the bucket; %d must, and the bucket has no fewer", keep[0], keep[1], keptBackups)
	}
	return nil
}

// checkOrder wants what is ordered to be dumped before what it refers to: a dump of the stock
// or the payments that is older would lack some of it.
func (d Documents) checkOrder() error {
	var job batchv1.CronJob
	if err := d.find("CronJob", "backup", &job); err != nil {
		return err
	}
	services := variable(firstContainer(job.Spec.JobTemplate.Spec.Template.Spec.InitContainers), "SERVICES")
	if services == nil {
		return errors.New("it has no SERVICES")
	}
	for i, name := range strings.Fields(services.Value) {
		if first := name == "order"; first != (i == 0) {
			return fmt.Errorf("it dumps %q; order must be the first", services.Value)
		}
	}
	return nil
}

func firstContainer(all []corev1.Container) corev1.Container {
	if len(all) == 0 {
		return corev1.Container{}
	}
	return all[0]
}

// checkArchives wants every cluster of CloudNativePG to archive to a bucket over TLS, and to
// keep it for the days that the CronJob's backups stay, in days. Its backups are made in the
// order of the CronJob's.
func (d Documents) checkArchives(days int) (err error) {
	at := map[string]int{} // minutes of the day by cluster
	for _, backup := range d.OfKind("ScheduledBackup") {
		name, _, _ := unstructured.NestedString(backup.Object, "spec", "cluster", "name")
		schedule, _, _ := unstructured.NestedString(backup.Object, "spec", "schedule")
		second, rest, _ := strings.Cut(schedule, " ")
		if wrong := checkNightly(rest); wrong != nil || second != "0" {
			err = errors.Join(err, fmt.Errorf("ScheduledBackup %s: %q is not a time of every day", backup.GetName(), schedule))
			continue
		}
		var minute, hour int
		if _, wrong := fmt.Sscan(rest, &minute, &hour); wrong != nil {
			return wrong
		}
		at[name] = 60*hour + minute
	}
	for name, minute := range at {
		if name != "order-postgres" && minute <= at["order-postgres"] {
			err = errors.Join(err, fmt.Errorf("%s is backed up before the orders", name))
		}
	}
	for _, cluster := range d.OfKind("Cluster") {
		err = errors.Join(err, inContext("Cluster "+cluster.GetName(), checkArchive(cluster, days)))
		if _, backedUp := at[cluster.GetName()]; !backedUp {
			err = errors.Join(err, fmt.Errorf("Cluster %s is not backed up", cluster.GetName()))
		}
	}
	return err
}

func checkArchive(cluster Document, days int) error {
	policy, _, _ := unstructured.NestedString(cluster.Object, "spec", "backup", "retentionPolicy")
	unit := map[string]int{"d": 1, "w": 7, "m": 30}[policy[max(0, len(policy)-1):]]
	n, err := strconv.Atoi(policy[:max(0, len(policy)-1)])
	if err != nil || n*unit < days {
		return fmt.Errorf("its backups stay for %q; those of the CronJob stay for %d days", policy, days)
	}
	text, _, _ := unstructured.NestedString(cluster.Object, "spec", "backup", "barmanObjectStore", "endpointURL")
	if endpoint, err := url.Parse(text); err != nil || text != "" && endpoint.Scheme != "https" {
		return fmt.Errorf("its backups go to %q, and not over TLS", text)
	}
	if path, _, _ := unstructured.NestedString(cluster.Object, "spec", "backup", "barmanObjectStore", "destinationPath"); !strings.HasPrefix(path, "s3://") {
		return fmt.Errorf("its backups go to %q, which is no bucket", path)
	}
	if on, found, _ := unstructured.NestedBool(cluster.Object, "spec", "enableSuperuserAccess"); found && on {
		return errors.New("the superuser may log in with a password")
	}
	return nil
}
