package verify

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// filePath finds absolute paths in arguments and configuration files.
var filePath = regexp.MustCompile(`(?:^|[\s='"\[(:,])(/[A-Za-z0-9][A-Za-z0-9._*/-]*)`)

// CheckFiles wants every file that a container's command or arguments name, or that one of
// its configuration files names in one of its volumes, to be there: below a mount, and as a
// key if the volume is a ConfigMap.
func (d Documents) CheckFiles(pods []*corev1.Pod) (err error) {
	for _, pod := range pods {
		err = errors.Join(err, d.checkItems(pod))
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for _, text := range slices.Concat(c.Command, c.Args) {
				for _, match := range filePath.FindAllStringSubmatch(text, -1) {
					if wrong := d.checkFile(pod, c, match[1], true); wrong != nil {
						err = errors.Join(err, fmt.Errorf("pod %s: the arguments of %s name %w", pod.Name, c.Name, wrong))
					}
				}
			}
			for name, text := range d.files(pod, c) {
				for _, match := range filePath.FindAllStringSubmatch(uncommented(text), -1) {
					if wrong := d.checkFile(pod, c, match[1], false); wrong != nil {
						err = errors.Join(err, fmt.Errorf("pod %s: %s names %w", pod.Name, name, wrong))
					}
				}
			}
		}
	}
	return err
}

// checkFile looks a path up in the mounts of a container. Only a path that needs a mount must
// be in one.
func (d Documents) checkFile(pod *corev1.Pod, c corev1.Container, file string, mounted bool) error {
	file = path.Clean(file)
	for _, mount := range c.VolumeMounts {
		rest, below := strings.CutPrefix(file+"/", mount.MountPath+"/")
		if !below {
			continue
		}
		key := strings.TrimSuffix(rest, "/")
		keys, known := d.keys(pod, mount.Name)
		if key == "" || !known || slices.ContainsFunc(keys, func(k string) bool { ok, _ := path.Match(key, k); return ok }) {
			return nil
		}
		return fmt.Errorf("%s, and the ConfigMap at %s has only %s", file, mount.MountPath, strings.Join(keys, ", "))
	}
	if mounted {
		return fmt.Errorf("%s, which is in no volume", file)
	}
	return nil
}

// checkItems wants the items of a volume to be keys of its ConfigMap, and every key to be in one
// of the volumes: nothing else reads it.
func (d Documents) checkItems(pod *corev1.Pod) error {
	covered := map[string][]string{}
	for _, v := range pod.Spec.Volumes {
		if v.ConfigMap == nil {
			continue
		}
		keys, _ := d.keys(pod, v.Name)
		if len(v.ConfigMap.Items) == 0 {
			if slices.ContainsFunc(pod.Spec.Volumes, func(other corev1.Volume) bool {
				return other.Name != v.Name && other.ConfigMap != nil && other.ConfigMap.Name == v.ConfigMap.Name
			}) {
				return fmt.Errorf("pod %s: the volume %s does not say which items of the ConfigMap %s it has, and another volume has some", pod.Name, v.Name, v.ConfigMap.Name)
			}
			covered[v.ConfigMap.Name] = append(covered[v.ConfigMap.Name], keys...)
		}
		for _, item := range v.ConfigMap.Items {
			covered[v.ConfigMap.Name] = append(covered[v.ConfigMap.Name], item.Key)
			if !slices.Contains(keys, item.Key) {
				return fmt.Errorf("pod %s: the volume %s has the item %s, and the ConfigMap has only %s", pod.Name, v.Name, item.Key, strings.Join(keys, ", "))
			}
		}
	}
	for _, v := range pod.Spec.Volumes {
		keys, known := d.keys(pod, v.Name)
		for _, key := range keys {
			if known && !slices.Contains(covered[v.ConfigMap.Name], key) {
				return fmt.Errorf("pod %s mounts the ConfigMap %s without %s", pod.Name, v.ConfigMap.Name, key)
			}
		}
	}
	return nil
}

// keys returns the names of the files of a volume, if it is a ConfigMap.
func (d Documents) keys(pod *corev1.Pod, volume string) (keys []string, known bool) {
	for _, v := range pod.Spec.Volumes {
		if v.Name != volume || v.ConfigMap == nil {
			continue
		}
		for _, document := range d.OfKind("ConfigMap") {
			if document.GetNamespace() == pod.Namespace && document.GetName() == v.ConfigMap.Name {
				data, _, _ := unstructured.NestedStringMap(document.Object, "data")
				for key := range data {
					keys = append(keys, key)
				}
				slices.Sort(keys)
			}
		}
		return keys, true
	}
	return nil, false
}

// files returns the texts that ConfigMaps mount in a container, by path.
func (d Documents) files(pod *corev1.Pod, c corev1.Container) map[string]string {
	texts := map[string]string{}
	for _, mount := range c.VolumeMounts {
		keys, _ := d.keys(pod, mount.Name)
		for _, v := range pod.Spec.Volumes {
			if v.Name != mount.Name || v.ConfigMap == nil {
				continue
			}
			for _, key := range keys {
				texts[path.Join(mount.MountPath, key)] = strings.Join(d.values("ConfigMap", pod.Namespace, v.ConfigMap.Name, key), "")
			}
		}
	}
	return texts
}
