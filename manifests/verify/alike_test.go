package verify

import "testing"

func TestServicesAreAlike(t *testing.T) {
	if err := read(t).checkAlike(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"budget":  {file: "05", old: "minAvailable: 1", new: "minAvailable: 2", said: `PodDisruptionBudget/SERVICE-service spec.minAvailable of inventory is not "1"`},
		"surge":   {file: "06-p", old: "maxSurge: 1", new: "maxSurge: 2", said: `maxSurge of payment is not "1", as the others have it`},
		"sidecar": {file: "07", old: "holdApplicationUntilProxyStarts\": true", new: "holdApplicationUntilProxyStarts\": false", said: "of notification is not"},
		"probe":   {file: "03", old: "failureThreshold: 60", new: "failureThreshold: 6", said: "startupProbe.failureThreshold of user is not"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkAlike())
	}
}

func TestEveryPodIsRestricted(t *testing.T) {
	check := func(d Documents) error {
		pods, err := d.Pods()
		if err != nil {
			return err
		}
		return d.checkUniform(pods, "../..")
	}
	if err := check(read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"label":       {file: "09", old: "labels: {app.kubernetes.io/part-of: souk}", new: "labels: {}", said: "is part of \"\" and not of souk"},
		"namespace":   {file: "10", old: "namespace: ecommerce", new: "namespace: shop", said: `is in the namespace "shop"`},
		"escalation":  {file: "11", old: "allowPrivilegeEscalation: false", new: "allowPrivilegeEscalation: true", said: "it has other restrictions"},
		"probe":       {file: "11", old: "httpGet: {path: /, port: http-admin}", new: "httpGet: {path: /, port: admin}", said: `a probe gets "/" from the port admin`},
		"volume":      {file: "11", old: "            - {name: tmp, mountPath: /tmp}\n            - {name: config, mountPath: /etc/jaeger, readOnly: true}\n", new: "            - {name: tmp, mountPath: /tmp}\n", said: `does not mount its volume "config"`},
		"variable":    {file: "04", old: "USER_SERVICE_URL", new: "USERS_URL", said: "no variable USERS_URL"},
		"start":       {file: "08", old: "failureThreshold: 60", new: "failureThreshold: 1", said: "a probe has no sensible times"},
		"short start": {file: "08", old: "failureThreshold: 60", new: "failureThreshold: 10", said: "it has 20s to start, and needs 1m0s"},
		"default":     {file: "02", old: "            periodSeconds: 2\n            failureThreshold: 150\n", said: "it has 30s to start"},
		"killed":      {file: "11", old: "periodSeconds: 15\n            timeoutSeconds: 5\n            failureThreshold: 4", new: "periodSeconds: 5\n            timeoutSeconds: 5\n            failureThreshold: 2", said: "it is killed when it has not responded for 10s"},
		"once":        {file: "08", old: "timeoutSeconds: 3\n            failureThreshold: 3", new: "timeoutSeconds: 3\n            failureThreshold: 1", said: "a probe has no sensible times"},
		"late":        {file: "03", old: "periodSeconds: 5\n            timeoutSeconds: 3\n          livenessProbe", new: "periodSeconds: 5\n            failureThreshold: 20\n          livenessProbe", said: "it gets requests until it has failed for 1m40s"},
		"no start":    {file: "08", old: "          startupProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 2\n            failureThreshold: 60\n", said: "it has 30s to start"},
		"path":        {file: "11", old: "path: /-/healthy,", new: "path: /health,", said: `a probe gets "/health", which prom/alertmanager does not serve`},
		"tiny":        {file: "03", old: "sizeLimit: 256Mi", new: "sizeLimit: 256Ki", said: "no limit between 1 MiB and 1 GiB"},
		"bounds":      {file: "02", old: "memory: 2Gi", new: "memory: 64Mi", said: "its bounds for memory"},
	} {
		wrong.noticed(t, name, check(wrong.read(t)))
	}
}
