package subgraph

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// A Version is the version of a specification.
type Version struct{ Major, Minor int }

func (v Version) String() string { return fmt.Sprintf("v%d.%d", v.Major, v.Minor) }

// Compare returns a number less than, equal to or greater than 0.
func (v Version) Compare(other Version) int {
	if v.Major != other.Major {
		return v.Major - other.Major
	}
	return v.Minor - other.Minor
}

// Satisfies reports whether the version can be used where another is required.
func (v Version) Satisfies(required Version) bool {
	if v.Major != required.Major {
		return false
	}
	if v.Major == 0 {
		return v.Minor == required.Minor
	}
	return v.Minor >= required.Minor
}

// A SpecURL is the URL of a specification.
type SpecURL struct {
	Identity string // the URL without the version
	Name     string // last part of the identity
	Version  Version
}

func (u SpecURL) String() string { return u.Identity + "/" + u.Version.String() }

var versionPattern = regexp.MustCompile(`^v(\d+)\.(\d+)$`)

// parseURL parses the url argument of @link.
func parseURL(text string) (SpecURL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return SpecURL{}, fmt.Errorf("%q is not the URL of a specification, such as https://specs.apollo.dev/federation/v2.9", text)
	}
	path, last := cutLast(u.Path)
	if last == "" {
		return SpecURL{}, fmt.Errorf("the URL %q has no version at its end, such as /v2.9", text)
	}
	match := versionPattern.FindStringSubmatch(last)
	if match == nil {
		return SpecURL{}, fmt.Errorf("the URL %q ends in %q; its end must be a version such as v2.9", text, last)
	}
	_, name := cutLast(path)
	if name == "" {
		return SpecURL{}, fmt.Errorf("the URL %q has no name before its version", text)
	}
	major, errMajor := strconv.Atoi(match[1])
	minor, errMinor := strconv.Atoi(match[2])
	if errMajor != nil || errMinor != nil {
		return SpecURL{}, fmt.Errorf("the version in the URL %q is too large", text)
	}
	return SpecURL{
		Identity: strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Host) + path,
		Name:     name,
		Version:  Version{major, minor},
	}, nil
}

func cutLast(path string) (before, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}
