package verify

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// A Call is a connection that a program is configured to make.
type Call struct {
	From *corev1.Pod
	Host string // as it is written
	Port string
	TLS  bool // by the program itself
}

var (
	address = regexp.MustCompile(`(?:https?|rediss?|postgres|smtps?)://[^\s"'?]+`)
	// ports are those of schemes, where an address names none.
	ports = map[string]string{"http": "80", "https": "443", "redis": "6379", "rediss": "6379", "postgres": "5432", "smtp": "25", "smtps": "465"}
)

// Calls are all addresses in what the programs of pods are configured with:
// their environment, with the Secrets it refers to, and ConfigMaps that are
// mounted.
func (d Documents) Calls(pods []*corev1.Pod) ([]Call, error) {
	var calls []Call
	for _, pod := range pods {
		for _, text := range d.configuration(pod) {
			for _, found := range address.FindAllString(text, -1) {
				call, err := parseCall(pod, found)
				if err != nil {
					return nil, err
				}
				if !slices.Contains(calls, call) {
					calls = append(calls, call)
				}
			}
		}
	}
	return calls, nil
}

func parseCall(from *corev1.Pod, to string) (Call, error) {
	u, err := url.Parse(to)
	if err != nil {
		return Call{}, fmt.Errorf("pod %s: %w", from.Name, err)
	}
	call := Call{From: from, Host: u.Hostname(), Port: u.Port(), TLS: u.Scheme == "https" || u.Scheme == "rediss" || u.Scheme == "smtps"}
	if call.Port == "" {
		call.Port = ports[u.Scheme]
	}
	return call, nil
}

// configuration are the texts a pod's programs are configured with.
func (d Documents) configuration(pod *corev1.Pod) []string {
	var texts []string
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, e := range c.Env {
			texts = append(texts, e.Value)
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				texts = append(texts, d.values("Secret", pod.Namespace, e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key)...)
			}
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap != nil {
			for _, text := range d.values("ConfigMap", pod.Namespace, v.ConfigMap.Name, "") {
				texts = append(texts, uncommented(withoutOrigins(text)))
			}
		}
	}
	return texts
}

// withoutOrigins is a configuration of the router without the origins of web pages, which it
// does not call.
func withoutOrigins(text string) string {
	if !strings.Contains(text, "\ncors:") {
		return text
	}
	var config map[string]any
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return text
	}
	delete(config, "cors")
	rest, err := yaml.Marshal(config)
	if err != nil {
		return text
	}
	return string(rest)
}

// uncommented is a text without lines that say something to people, or to
// GraphQL tools by the addresses of specifications.
func uncommented(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if start := strings.TrimSpace(line); !strings.HasPrefix(start, "#") && !strings.HasPrefix(start, "//") && !strings.Contains(line, "@link(") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// values are those of one key of a Secret or ConfigMap, or of all keys.
func (d Documents) values(kind, namespace, name, key string) []string {
	field := "data"
	if kind == "Secret" {
		field = "stringData"
	}
	var texts []string
	for _, document := range d.OfKind(kind) {
		if document.GetNamespace() != namespace || document.GetName() != name {
			continue
		}
		data, _, _ := unstructured.NestedStringMap(document.Object, field)
		for k, text := range data {
			if key == "" || k == key {
				texts = append(texts, text)
			}
		}
	}
	return texts
}
