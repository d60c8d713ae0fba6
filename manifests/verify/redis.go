package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// checkRedis wants Redis to start with its own configuration, to keep its data in its
// volume, to have memory for rewriting its file, and to be ready only when it has loaded it.
func (d Documents) checkRedis() error {
	var set appsv1.StatefulSet
	if err := d.find("StatefulSet", "redis", &set); err != nil {
		return err
	}
	if set.Spec.Replicas != nil && *set.Spec.Replicas != 1 {
		return fmt.Errorf("redis: it has %d pods that know nothing of each other, behind one Service; components/redis-sentinel has replicas", *set.Spec.Replicas)
	}
	c := set.Spec.Template.Spec.Containers[0]
	if want := []string{"redis-server", "/etc/redis/redis.conf"}; !slices.Equal(c.Args, want) || len(c.Command) > 0 {
		return fmt.Errorf("redis: it runs %q %q and not %q: without its configuration it keeps nothing", c.Command, c.Args, want)
	}
	conf := strings.Join(d.values("ConfigMap", set.Namespace, "redis", "redis.conf"), "")
	if err := d.checkRedisConf(&set); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	most, err := maxmemory(conf)
	if err != nil {
		return err
	}
	if limit := c.Resources.Limits.Memory(); limit.Value()*4 < most.Value()*9 {
		return fmt.Errorf("redis: %s of memory are too few to rewrite the file of %s", limit, &most)
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe} {
		if probe == nil || probe.Exec == nil || !slices.Equal(probe.Exec.Command, []string{"redis-cli", "-e", "ping"}) {
			return errors.New("redis: it counts as ready while it loads its file")
		}
	}
	return nil
}

// directive returns the value of a directive of redis.conf.
func directive(conf, name string) string {
	for line := range strings.Lines(conf) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return value
		}
	}
	return ""
}
