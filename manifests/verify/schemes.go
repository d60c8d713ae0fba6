package verify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// schemes are those of URLs by what a port of a Service speaks. Inside the mesh, proxies encrypt, and
// programs do not.
var schemes = map[string]string{"http": "http", "grpc": "http", "https": "https", "redis": "redis", "postgres": "postgres", "smtp": "smtp"}

// checkSchemes wants every URL of a Service of the manifests to have the scheme that its port speaks:
// a program that begins with TLS gets no response, and starts all the same.
func (d Documents) checkSchemes(pods []*corev1.Pod) (err error) {
	for _, pod := range pods {
		for _, text := range d.configuration(pod) {
			for _, found := range address.FindAllString(text, -1) {
				err = errors.Join(err, inContext(pod.Name, d.checkScheme(pod.Namespace, found)))
			}
		}
	}
	for _, document := range d.OfKind("RequestAuthentication") {
		rules, _, _ := unstructured.NestedSlice(document.Object, "spec", "jwtRules")
		for _, entry := range rules {
			if rule, _ := entry.(map[string]any); rule["jwksUri"] != nil {
				err = errors.Join(err, inContext("RequestAuthentication "+document.GetName(), d.checkScheme(document.GetNamespace(), fmt.Sprint(rule["jwksUri"]))))
			}
		}
	}
	return err
}

// checkScheme wants a URL to have the scheme that the port of its Service speaks.
func (d Documents) checkScheme(namespace, text string) error {
	to, err := url.Parse(text)
	if err != nil {
		return err
	}
	name, rest, domain := strings.Cut(to.Hostname(), ".")
	if domain {
		namespace, _, _ = strings.Cut(rest, ".")
	}
	for _, document := range d.OfKind("Service") {
		if document.GetNamespace() != namespace || document.GetName() != name {
			continue
		}
		var service corev1.Service
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &service); err != nil {
			return err
		}
		for _, p := range service.Spec.Ports {
			if fmt.Sprint(p.Port) != cmp.Or(to.Port(), ports[to.Scheme]) {
				continue
			}
			if want := spoken(p); want != "" && want != to.Scheme {
				return fmt.Errorf("it calls %s://%s, and the port %s of the Service speaks %s", to.Scheme, to.Host, p.Name, want)
			}
		}
	}
	return nil
}

// spoken returns the scheme of URLs for a port, by its appProtocol or its name, such as tcp-redis.
// It is empty if neither says it.
func spoken(p corev1.ServicePort) string {
	if p.AppProtocol != nil && schemes[*p.AppProtocol] != "" {
		return schemes[*p.AppProtocol]
	}
	for _, word := range strings.Split(p.Name, "-") {
		if schemes[word] != "" {
			return schemes[word]
		}
	}
	return ""
}

// plainModes are the values of sslmode with which a client talks to a Postgres without TLS.
var plainModes = []string{"", "disable", "allow", "prefer"}

// checkDatabaseTLS wants a DATABASE_URL to ask a Postgres of the manifests for TLS only if that has it.
func (d Documents) checkDatabaseTLS(to *url.URL) error {
	mode := to.Query().Get("sslmode")
	name, _, _ := strings.Cut(to.Hostname(), ".")
	var set appsv1.StatefulSet
	if slices.Contains(plainModes, mode) || d.find("StatefulSet", name, &set) != nil {
		return nil
	}
	for _, c := range set.Spec.Template.Spec.Containers {
		if slices.Contains(c.Args, "ssl=on") {
			return nil
		}
	}
	return fmt.Errorf("its DATABASE_URL has sslmode=%s, and nothing turns TLS on in %s: its proxies encrypt, so it needs sslmode=disable", mode, name)
}

// checkCORS wants no page of a stranger to read what a route responds. router.yaml has the origins
// (checkOrigins); those of a route are as closed.
func checkCORS(route map[string]any) error {
	policy, found, _ := unstructured.NestedMap(route, "corsPolicy")
	if !found {
		return nil
	}
	origins, _, _ := unstructured.NestedSlice(policy, "allowOrigins")
	for _, entry := range origins {
		origin, _ := entry.(map[string]any)
		exact, ok := origin["exact"].(string)
		if !ok || !closedOrigin(exact) {
			return fmt.Errorf("pages of %v may read responses (corsPolicy.allowOrigins); name each by exact: https://…", origin)
		}
	}
	if plain, found, _ := unstructured.NestedStringSlice(policy, "allowOrigin"); found {
		return fmt.Errorf("pages of %q may read responses (corsPolicy.allowOrigin); name each by allowOrigins and exact: https://…", plain)
	}
	return nil
}

// closedOrigin reports whether an origin is that of a site, or of those below a domain.
func closedOrigin(origin string) bool {
	host, secure := strings.CutPrefix(origin, "https://")
	host = strings.TrimPrefix(host, "*.")
	return secure && strings.Contains(host, ".") && !strings.Contains(host, "*")
}
