package verify

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// checkSilent wants what a pod starts without, or with the wrong one of, and says nothing.
func (d Documents) checkSilent(pods []*corev1.Pod) (err error) {
	for _, pod := range pods {
		err = errors.Join(err, inContext("pod "+pod.Name, checkOptional(pod), d.checkAddresses(pod)))
	}
	return errors.Join(err, d.checkBackupScript())
}

// absent are the Secrets, and keys of them, that a pod may start without, and why. A pod also
// starts without an optional one whose name is wrong, so no other may be optional.
var absent = map[string]string{
	"Secret istio-system/alertmanager-receivers":             "Alertmanager shows alerts also before it has anybody to tell",
	"Secret ecommerce/backup-bucket":                         "the volume has the backups also without a bucket",
	"Secret ecommerce/payment-database":                      "a store whose payment provider is elsewhere has no such database",
	"Secret ecommerce/api-gateway key LAST_GOOD_KEYS_SECRET": "without it the router keeps no copy of the keys, as before there was one",
}

// checkOptional wants a pod to start without nothing but what absent names.
func checkOptional(pod *corev1.Pod) (err error) {
	check := func(kind, name string, optional *bool) {
		at := kind + " " + pod.Namespace + "/" + name
		if optional != nil && *optional && absent[at] == "" {
			err = errors.Join(err, fmt.Errorf("it starts without the %s, which is not one of those that may be absent", at))
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil {
			check("Secret", v.Secret.SecretName, v.Secret.Optional)
		}
		if v.ConfigMap != nil {
			check("ConfigMap", v.ConfigMap.Name, v.ConfigMap.Optional)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.Secret != nil {
				check("Secret", source.Secret.Name, source.Secret.Optional)
			}
			if source.ConfigMap != nil {
				check("ConfigMap", source.ConfigMap.Name, source.ConfigMap.Optional)
			}
		}
	}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil {
				check("Secret", e.SecretRef.Name, e.SecretRef.Optional)
			}
			if e.ConfigMapRef != nil {
				check("ConfigMap", e.ConfigMapRef.Name, e.ConfigMapRef.Optional)
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				check("Secret", e.ValueFrom.SecretKeyRef.Name+" key "+e.ValueFrom.SecretKeyRef.Key, e.ValueFrom.SecretKeyRef.Optional)
			}
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
				check("ConfigMap", e.ValueFrom.ConfigMapKeyRef.Name+" key "+e.ValueFrom.ConfigMapKeyRef.Key, e.ValueFrom.ConfigMapKeyRef.Optional)
			}
		}
	}
	return err
}

var serviceVariable = regexp.MustCompile(`^([A-Z]+)_SERVICE_URL$`)

// called are the hosts of variables whose names do not have them.
var called = map[string]string{
	"PAYMENT_URL":                 paymentProvider,
	"REDIS_URL":                   "redis-service",
	"OTEL_EXPORTER_OTLP_ENDPOINT": "otel-collector.istio-system",
}

// checkAddresses wants a variable with the address of a service to have that of the service in
// its name: every other one responds, too.
func (d Documents) checkAddresses(pod *corev1.Pod) (err error) {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, e := range c.Env {
			want := called[e.Name]
			if found := serviceVariable.FindStringSubmatch(e.Name); found != nil {
				want = strings.ToLower(found[1]) + "-service"
			}
			if want == "" || e.ValueFrom != nil {
				continue
			}
			to, wrong := url.Parse(e.Value)
			if wrong != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", e.Name, wrong))
			} else if e.Name == "PAYMENT_URL" && to.Hostname() != want {
				err = errors.Join(err, d.checkOwnProvider(to))
			} else if to.Hostname() != want || to.Path != "" || to.RawQuery != "" {
				err = errors.Join(err, fmt.Errorf("%s is %s, which is not %s", e.Name, e.Value, want))
			}
		}
	}
	return err
}

// checkOwnProvider wants a payment provider that is not the simulated one to be outside of the
// cluster, or a host of the operator: no other service takes payments.
func (d Documents) checkOwnProvider(to *url.URL) error {
	o, err := settings()
	if err != nil || d.outside(to.Hostname(), to.Scheme == "https") || slices.Contains(o.Hosts, to.Hostname()) {
		return err
	}
	return fmt.Errorf("PAYMENT_URL is %s, which is not %s, no https:// URL of a host outside of the cluster, and none of the hosts in operator.yaml", to, paymentProvider)
}

// metricsPort returns the port on which a pod serves metrics: that of an exporter, the router's
// admin port, or the port of a service.
func metricsPort(pod *corev1.Pod) int32 {
	for _, name := range []string{"http-metrics", "http-admin", "http"} {
		for _, c := range pod.Spec.Containers {
			for _, p := range c.Ports {
				if p.Name == name {
					return p.ContainerPort
				}
			}
		}
	}
	return 0
}

// resolved returns the router's configuration with what a container's variables have in place of
// references and their defaults. A value from a Secret stays a reference, without the default.
func resolved(text string, c corev1.Container) string {
	return variableReference.ReplaceAllStringFunc(text, func(found string) string {
		name := variableReference.FindStringSubmatch(found)[1]
		switch v := variable(c, name); {
		case v == nil:
			return found
		case v.ValueFrom != nil:
			return "${env." + name + "}"
		default:
			return v.Value
		}
	})
}

var variableReference = regexp.MustCompile(`\$\{env\.(\w+)(?::-[^}]*)?\}`)

// backupSteps are lines of backup.sh, in this order: a dump gets its name only when it has been
// read, and any failure ends the script before.
var backupSteps = []string{
	`set -eu`,
	`pg_dump --format=custom --file="partial/$service.dump"`,
	`pg_restore --file=/dev/null "partial/$service.dump"`,
	`(cd partial && sha256sum -- *.dump > SHA256SUMS)`,
	`mv -T partial "$name"`,
}

// checkBackupScript wants a dump that cannot be read to be no backup.
func (d Documents) checkBackupScript() error {
	texts := d.values("ConfigMap", "ecommerce", "backup", "backup.sh")
	if len(texts) != 1 {
		return errors.New("backup: there is no backup.sh")
	}
	missing := backupSteps
	for line := range strings.Lines(texts[0]) {
		if len(missing) > 0 && strings.TrimSpace(line) == missing[0] {
			missing = missing[1:]
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("backup.sh lacks the line %s, or has it at another place", missing[0])
	}
	return nil
}
