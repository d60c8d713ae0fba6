package verify

import (
	"fmt"
	"regexp"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// memoryShare is the percentage of a container's memory that Go may use. The rest is
// for stacks of the kernel, socket buffers and what the garbage collector has yet to
// free.
const memoryShare = 85

// ownShare is whether a program sets the soft memory limit of Go itself, to less than
// memoryShare.
func ownShare(program string) bool { return program != paymentProvider }

// checkMemory wants Go to collect garbage before the container is out of memory. The
// variable GOMEMLIMIT would override the share that a program sets itself.
func checkMemory(deployment *appsv1.Deployment) error {
	c := deployment.Spec.Template.Spec.Containers[0]
	limit := variable(c, "GOMEMLIMIT")
	switch {
	case limit == nil && ownShare(deployment.Name):
		return nil
	case limit == nil:
		return fmt.Errorf("it has no GOMEMLIMIT, and sets no limit itself")
	case ownShare(deployment.Name):
		return fmt.Errorf("GOMEMLIMIT overrides the limit that the program sets itself")
	}
	text := regexp.MustCompile(`^(\d+[KMG]i)B$`).FindStringSubmatch(limit.Value)
	if text == nil {
		return fmt.Errorf("GOMEMLIMIT is %q and not a number of KiB, MiB or GiB", limit.Value)
	}
	got, err := resource.ParseQuantity(text[1])
	if err != nil {
		return err
	}
	if all := c.Resources.Limits.Memory(); got.Value()*100 > all.Value()*memoryShare {
		return fmt.Errorf("GOMEMLIMIT is %s, more than %d %% of %s", limit.Value, memoryShare, all)
	}
	return nil
}
