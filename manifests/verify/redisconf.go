package verify

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// redisDirectives are those of redis.conf that the store sets, each with its lowest and highest
// value if it is a number that no other check reads. Another directive needs a check of its
// values first.
var redisDirectives = map[string][2]int{
	"bind": {}, "port": {}, "dir": {}, "appendonly": {}, "appendfsync": {}, // checkEviction and checkRedis
	"maxmemory": {}, "maxmemory-policy": {},
	"min-replicas-to-write": {}, "min-replicas-max-lag": {}, // checkMinority
	"repl-backlog-size": {}, "client-output-buffer-limit": {}, // checkReplicas
	"protected-mode": {}, "aof-use-rdb-preamble": {}, "include": {}, // redisWords
	"tcp-keepalive": {10, 300}, "latency-monitor-threshold": {1, 1000}, // in seconds and milliseconds
	"timeout": {3600, 1 << 30}, // programs close idle connections after half an hour
}

// redisWords are the only values of directives: without protected-mode, pods may connect to a
// Redis whose access the mesh limits.
var redisWords = map[string]string{"protected-mode": "no", "aof-use-rdb-preamble": "yes", "include": "/run/redis/own.conf"}

// redisClients is how many connections a pod opens: ten for each of two CPUs, and some that
// follow streams.
const redisClients = 25

// checkRedisConf wants a Redis to lose no events, to have a use for its memory, to keep the
// connections of its clients, and its file to have nothing that could undo that. The last of
// two lines with the same directive holds, so each may be there once.
func (d Documents) checkRedisConf(set *appsv1.StatefulSet) error {
	conf := d.redisConf(set.Name)
	seen := map[string]bool{}
	for line := range strings.Lines(conf) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		if seen[name] {
			return fmt.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if name == "maxclients" {
			if err := d.checkClients(value); err != nil {
				return err
			}
			continue
		}
		bounds, known := redisDirectives[name]
		if !known {
			return fmt.Errorf("no check knows the values of %s", name)
		}
		if only := redisWords[name]; only != "" && value != only {
			return fmt.Errorf("%s is %q and not %s", name, value, only)
		}
		if n, err := strconv.Atoi(value); bounds[1] > 0 && (err != nil || n < bounds[0] || n > bounds[1]) {
			return fmt.Errorf("%s is %q and not between %d and %d", name, value, bounds[0], bounds[1])
		}
	}
	if dir := directive(conf, "dir"); !keeps(set, dir+"/") {
		return fmt.Errorf("its data in %q are not in its volume", dir)
	}
	if !seen["protected-mode"] && !seen["include"] {
		return errors.New("it has neither a password nor protected-mode no, so no other pod reaches it")
	}
	if set.Name == "redis-server" && !seen["include"] {
		return errors.New("it lacks what start.sh writes, so it is no replica and has no password")
	}
	most, err := maxmemory(conf)
	if err != nil {
		return err
	}
	if limit := set.Spec.Template.Spec.Containers[0].Resources.Limits.Memory(); most.Value()*4 < limit.Value() {
		return fmt.Errorf("it uses %s of %s of memory: events, which do not expire, may fill it", most.String(), limit)
	}
	return errors.Join(checkEviction(conf), checkAlive(set, "redis-cli", "ping"))
}

// checkAlive wants a Redis to be alive as long as it responds, also while it loads its file.
func checkAlive(set *appsv1.StatefulSet, command ...string) error {
	return checkProbe(set, "liveness", set.Spec.Template.Spec.Containers[0].LivenessProbe, command...)
}

func checkProbe(set *appsv1.StatefulSet, kind string, probe *corev1.Probe, command ...string) error {
	if probe == nil || probe.Exec == nil || !slices.Equal(probe.Exec.Command, command) {
		return fmt.Errorf("the %s probe of %s does not run %q", kind, set.Name, command)
	}
	return nil
}

// maxmemory returns what a Redis may keep. Its units in lower case are powers of two.
func maxmemory(conf string) (resource.Quantity, error) {
	text := strings.ToLower(directive(conf, "maxmemory"))
	for unit, power := range map[string]string{"kb": "Ki", "mb": "Mi", "gb": "Gi"} {
		if number, found := strings.CutSuffix(text, unit); found {
			text = number + power
		}
	}
	most, err := resource.ParseQuantity(text)
	if err != nil {
		return most, fmt.Errorf("maxmemory: %w", err)
	}
	return most, nil
}

// checkClients wants a Redis to take the connections of as many pods as there may be.
func (d Documents) checkClients(value string) error {
	scalers, err := d.scalers()
	if err != nil {
		return err
	}
	need := 0
	for _, scaler := range scalers {
		need += redisClients * int(scaler.Spec.MaxReplicas+1)
	}
	if n, err := strconv.Atoi(value); err != nil || n < need {
		return fmt.Errorf("it takes %s clients, and the pods open up to %d", value, need)
	}
	return nil
}

// checkEviction wants events, which never expire, to stay: on disk within a second, and in
// memory however much the cache takes. Other pods reach Redis.
func checkEviction(conf string) error {
	if policy := directive(conf, "maxmemory-policy"); !strings.HasPrefix(policy, "volatile-") {
		return fmt.Errorf("Redis may drop events for the cache (maxmemory-policy %s)", policy)
	}
	if sync := directive(conf, "appendfsync"); sync != "everysec" && sync != "always" {
		return fmt.Errorf("events may be lost for long (appendfsync %s)", sync)
	}
	if directive(conf, "appendonly") != "yes" {
		return errors.New("events do not survive a restart")
	}
	if directive(conf, "bind") != "0.0.0.0" || directive(conf, "port") != "6379" {
		return errors.New("no other pod reaches Redis")
	}
	return nil
}
