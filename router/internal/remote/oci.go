package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// maxManifest bounds the manifest of an artifact, in bytes.
const maxManifest = 1 << 20

// manifestTypes are the media types of manifests that have layers.
var manifestTypes = []string{v1.MediaTypeImageManifest, "application/vnd.docker.distribution.manifest.v2+json"}

// An artifact is a layer of an OCI artifact.
type artifact struct {
	Options
	reference  registry.Reference
	repository *remote.Repository
	digest     digest.Digest // of the last manifest
}

// parseReference parses oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@DIGEST. Without both,
// the tag is latest.
func parseReference(address string) (registry.Reference, error) {
	r, err := registry.ParseReference(strings.TrimPrefix(address, "oci://"))
	if err != nil {
		return r, errors.New("it must have the form oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST")
	}
	if r.Reference == "" {
		r.Reference = "latest"
	}
	return r, nil
}

func newArtifact(o Options) (Source, error) {
	reference, err := parseReference(o.URL)
	if err != nil {
		return nil, err
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the credentials of registries from the Docker configuration: %w", err)
	}
	client := &auth.Client{Client: &http.Client{Transport: o.transport()}, Cache: auth.NewCache(), Credential: credentials.Credential(store)}
	client.SetUserAgent("souk")
	repository := &remote.Repository{Client: client, Reference: reference, PlainHTTP: o.PlainHTTP, MaxMetadataBytes: maxManifest}
	return &artifact{Options: o, reference: reference, repository: repository}, nil
}

func (a *artifact) Fetch(ctx context.Context) ([]byte, error) {
	text, err := a.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", a.URL, err)
	}
	return text, nil
}

func (a *artifact) fetch(ctx context.Context) ([]byte, error) {
	if pinned, err := a.reference.Digest(); err == nil && pinned == a.digest {
		return nil, nil // a digest always names the same content
	}
	found, err := a.repository.Resolve(ctx, a.reference.Reference)
	if err != nil {
		return nil, withoutURL(err)
	}
	if found.Digest == a.digest {
		return nil, nil
	}
	layer, err := a.layer(ctx, found)
	if err != nil {
		return nil, err
	}
	if layer.Size > a.MaxBytes {
		return nil, tooLarge(a.MaxBytes)
	}
	text, err := content.FetchAll(ctx, a.repository.Blobs(), layer) // verifies size and digest
	if err != nil {
		return nil, fmt.Errorf("the layer %s: %w", layer.Digest, withoutURL(err))
	}
	a.digest = found.Digest
	return text, nil
}

// layer returns the layer of a manifest that has the media type.
func (a *artifact) layer(ctx context.Context, found v1.Descriptor) (v1.Descriptor, error) {
	if !slices.Contains(manifestTypes, found.MediaType) {
		return v1.Descriptor{}, fmt.Errorf("it is a %s, which has no layers; name the tag or digest of an image manifest, such as oras push makes", found.MediaType)
	}
	if found.Size > maxManifest {
		return v1.Descriptor{}, fmt.Errorf("its manifest is larger than %d bytes", maxManifest)
	}
	text, err := content.FetchAll(ctx, a.repository, found)
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("the manifest %s: %w", found.Digest, withoutURL(err))
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(text, &manifest); err != nil {
		return v1.Descriptor{}, fmt.Errorf("the manifest %s: %w", found.Digest, err)
	}
	var layers []v1.Descriptor
	var others []string
	for _, layer := range manifest.Layers {
		if layer.MediaType == a.MediaType {
			layers = append(layers, layer)
		} else {
			others = append(others, layer.MediaType)
		}
	}
	switch {
	case len(layers) == 1:
		return layers[0], nil
	case len(layers) > 1:
		return v1.Descriptor{}, fmt.Errorf("it has %d layers of the media type %s; push one", len(layers), a.MediaType)
	}
	return v1.Descriptor{}, fmt.Errorf("it has no layer of the media type %s, only of %s; push the file as FILE:%s, or set media_type", a.MediaType, strings.Join(others, ", "), a.MediaType)
}
