package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// volume is a bind mount of docker run, or of a docker-compose.yaml.
var volume = regexp.MustCompile(`(?m)(?:-v|--volume|^\s*-) "?([.$/~][^\s":]*):(/[^\s":]*)`)

// A container keeps a file that is mounted alone when another one replaces it, so that the
// router does not reload it. Only directories may be mounted, and those where the image has
// its configuration and expects the supergraph.
func TestContainersMountDirectories(t *testing.T) {
	dockerfile, err := os.ReadFile(filepath.Join(top, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`CMD \["router", "--config", "(.*)"\]`).FindSubmatch(dockerfile)
	if command == nil {
		t.Fatal("the Dockerfile does not run the router with a configuration file")
	}
	image, _, err := config.Read(filepath.Join(top, "image/router.yaml"), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	directories := []string{path.Dir(string(command[1])), path.Dir(image.Supergraph.File)}
	found := 0
	for name, text := range markdown(t) {
		for _, mount := range volume.FindAllStringSubmatch(text, -1) {
			if path.Ext(mount[1]) != "" {
				t.Errorf("%s mounts the file %s; mount its directory", name, mount[1])
			}
			if !strings.HasPrefix(mount[2], "/etc/souk") {
				continue
			}
			found++
			if !slices.Contains(directories, mount[2]) {
				t.Errorf("%s mounts a directory at %s; the image reads %v", name, mount[2], directories)
			}
		}
	}
	if found < 2 {
		t.Errorf("found only %d mounts for the image", found)
	}
}
