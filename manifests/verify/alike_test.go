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
		"label":      {file: "09", old: "labels: {app.kubernetes.io/part-of: souk}", new: "labels: {}", said: "is part of \"\" and not of souk"},
		"namespace":  {file: "10", old: "namespace: ecommerce", new: "namespace: shop", said: `is in the namespace "shop"`},
		"escalation": {file: "11", old: "allowPrivilegeEscalation: false", new: "allowPrivilegeEscalation: true", said: "it has other restrictions"},
		"probe":      {file: "11", old: "httpGet: {path: /, port: http-admin}", new: "httpGet: {path: /, port: admin}", said: `a probe gets "/" from the port admin`},
		"volume":     {file: "11", old: "            - {name: tmp, mountPath: /tmp}\n            - {name: config, mountPath: /etc/jaeger, readOnly: true}\n", new: "            - {name: tmp, mountPath: /tmp}\n", said: `does not mount its volume "config"`},
		"variable":   {file: "04", old: "USER_SERVICE_URL", new: "USERS_URL", said: "no variable USERS_URL"},
		"bounds":     {file: "02", old: "memory: 2Gi", new: "memory: 64Mi", said: "its bounds for memory"},
	} {
		wrong.noticed(t, name, check(wrong.read(t)))
	}
}
