//go:build tools

// Package apiserver pins the Kubernetes API server that the manifests are
// tried on: `go build k8s.io/kubernetes/cmd/kube-apiserver`. It is a module of
// its own since Kubernetes needs all of its parts replaced.
package apiserver

import _ "k8s.io/kubernetes/cmd/kube-apiserver/app"
