package verify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
)

// checkSentinels wants a majority of the Sentinels to replace a primary, also while one of them
// is away or is moved, all of them to be named, and one to be moved at a time.
func (d Documents) checkSentinels() error {
	var sentinels, servers appsv1.StatefulSet
	var budget, ofServers policyv1.PodDisruptionBudget
	if err := errors.Join(d.find("StatefulSet", "redis-sentinel", &sentinels), d.find("StatefulSet", "redis-server", &servers),
		d.find("PodDisruptionBudget", "redis-sentinel", &budget), d.find("PodDisruptionBudget", "redis-server", &ofServers)); err != nil {
		return err
	}
	if sentinels.Spec.Replicas == nil || servers.Spec.Replicas == nil || *servers.Spec.Replicas < 2 {
		return errors.New("redis-server has no replica")
	}
	all := int(*sentinels.Spec.Replicas)
	conf := strings.Join(d.values("ConfigMap", "ecommerce", "redis-sentinel", "sentinel.conf"), "")
	monitor := strings.Fields(directive(conf, "sentinel monitor"))
	if len(monitor) != 4 || monitor[1] != "redis-server-0.redis-server" || monitor[2] != directive(d.redisConf("redis-server"), "port") {
		return fmt.Errorf("the Sentinels watch %q", monitor)
	}
	quorum, err := strconv.Atoi(monitor[3])
	if err != nil || quorum <= all/2 || quorum > all-1 {
		return fmt.Errorf("%d of %d Sentinels must agree: it must be a majority of them, also when one is away", quorum, all)
	}
	for name, b := range map[string]policyv1.PodDisruptionBudget{"redis-sentinel": budget, "redis-server": ofServers} {
		if most := b.Spec.MaxUnavailable; most == nil || most.IntValue() != 1 {
			return fmt.Errorf("more than one pod of %s may be moved at once, or none", name)
		}
	}
	for name, bounds := range map[string][2]int{"down-after-milliseconds": {1000, 30_000}, "failover-timeout": {5000, 180_000}, "parallel-syncs": {1, 1}} {
		value, err := strconv.Atoi(strings.TrimPrefix(directive(conf, "sentinel "+name), monitor[0]+" "))
		if err != nil || value < bounds[0] || value > bounds[1] {
			return fmt.Errorf("%s of the Sentinels is not between %d and %d", name, bounds[0], bounds[1])
		}
	}
	for _, secret := range d.values("Secret", "ecommerce", "redis", "REDIS_URL") {
		if strings.Count(secret, "redis-sentinel-") != all || !strings.Contains(secret, "master_name="+monitor[0]+"&") {
			return fmt.Errorf("REDIS_URL does not have the %d Sentinels of %s", all, monitor[0])
		}
	}
	c := sentinels.Spec.Template.Spec.Containers[0]
	return errors.Join(d.checkRedisConf(&servers), checkAlive(&sentinels, "redis-cli", "-p", "26379", "ping"),
		checkProbe(&sentinels, "readiness", c.ReadinessProbe, "redis-cli", "-p", "26379", "-e", "ping"),
		checkProbe(&sentinels, "startup", c.StartupProbe, "redis-cli", "-p", "26379", "-e", "ping"), d.checkMinority(int(*servers.Spec.Replicas)))
}

// checkMinority wants a primary that has lost its replicas to take no writes, and one that has
// lost one of them to take them.
func (d Documents) checkMinority(servers int) error {
	conf := d.redisConf("redis-server")
	replicas, err := strconv.Atoi(directive(conf, "min-replicas-to-write"))
	lag, lagErr := strconv.Atoi(directive(conf, "min-replicas-max-lag"))
	if err != nil || replicas < 1 || replicas > servers-2 || lagErr != nil || lag < 1 || lag > 30 {
		return fmt.Errorf("a primary writes with %d of its %d replicas, up to %d s behind", replicas, servers-1, lag)
	}
	return nil
}

func (d Documents) redisConf(name string) string {
	return strings.Join(d.values("ConfigMap", "ecommerce", name, "redis.conf"), "")
}
