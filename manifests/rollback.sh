#!/bin/sh
# Sets the cluster back to the manifests of the Git revision TO, the routers first: while one has
# the new supergraph, it asks the services for new fields. OVERLAY is the directory that is
# applied, if it is another one of this repository. The files here stay as they are.
#
#   make rollback TO=v1.0.0
set -eu
OVERLAY=${OVERLAY:-manifests}
if [ -z "${TO:-}" ]; then
	echo 'name the tag or commit that was deployed before, such as: make rollback TO=v1.0.0' >&2
	exit 1
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# build REVISION NAME writes the objects of a revision to NAME.yaml, and a line for each to
# NAME.objects: its namespace (- without one), type and name.
build() {
	mkdir "$dir/$2"
	git archive --output="$dir/$2.tar" "$1"
	tar -x -C "$dir/$2" -f "$dir/$2.tar"
	if [ ! -d "$dir/$2/$OVERLAY" ]; then
		echo "the revision $1 has no directory $OVERLAY" >&2
		exit 1
	fi
	kubectl kustomize "$dir/$2/$OVERLAY" > "$dir/$2.yaml"
	awk '
		function object() { if (name) print (namespace ? namespace : "-"), (group ? kind "." version "." group : kind), name; name = namespace = "" }
		{ gsub(/"/, "") }
		/^---/ { object() }
		/^apiVersion: / { version = $2; group = ""; if (split($2, part, "/") == 2) { group = part[1]; version = part[2] } }
		/^kind: / { kind = $2 }
		/^[a-zA-Z]/ { metadata = $1 == "metadata:" }
		metadata && /^  name: / { name = $2 }
		metadata && /^  namespace: / { namespace = $2 }
		END { object() }
	' "$dir/$2.yaml" > "$dir/$2.unsorted"
	sort "$dir/$2.unsorted" > "$dir/$2.objects"
	if [ ! -s "$dir/$2.objects" ]; then
		echo "the directory $OVERLAY of the revision $1 has no objects" >&2
		exit 1
	fi
}

build "$TO" old
build HEAD new
# A pod that starts has the ConfigMaps that were applied before.
kubectl apply -k "$dir/old/$OVERLAY" -l app=api-gateway
kubectl -n ecommerce rollout restart deployment/api-gateway
kubectl -n ecommerce rollout status --timeout=10m deployment/api-gateway
kubectl apply -k "$dir/old/$OVERLAY"
echo "The cluster has the manifests of $TO. The files here are as before: revert them before they are applied again."

comm -13 "$dir/old.objects" "$dir/new.objects" > "$dir/added"
holdsData=' (Namespace|PersistentVolumeClaim|StatefulSet\.[^ ]+|Cluster\.[^ ]+) '
if grep -vE "$holdsData" "$dir/added" > "$dir/deletable"; then
	echo 'Only the version of HEAD has these objects. They still exist; these commands delete them:'
	sed -E -e 's|^- |kubectl delete |' -e t -e 's|^([^ ]+) |kubectl -n \1 delete |' "$dir/deletable"
fi
if grep -E "$holdsData" "$dir/added" > "$dir/kept"; then
	echo 'So do these, which hold data (namespace, type, name):'
	cat "$dir/kept"
fi
