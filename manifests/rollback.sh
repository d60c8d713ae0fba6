#!/bin/sh
# Sets the cluster back to the manifests of the Git revision TO, the routers first: while one has
# the new supergraph, it asks the services for new fields. OVERLAY is the directory that is
# applied, if it is another one of this repository, by its path from the top. The files here stay
# as they are. A component is another way to run databases, Redis or the mesh: if HEAD or the
# working tree has other ones than TO, nothing happens unless COMPONENTS is "changed".
#
#   make rollback TO=v1.0.0
set -eu
OVERLAY=${OVERLAY:-manifests}
fail() {
	printf '%s\n' "$@" >&2
	exit 1
}
case "${TO:-}" in
('') fail 'name the tag or commit that was deployed before, such as: make rollback TO=v1.0.0' ;;
(-*) fail "TO is $TO, which is an option and no revision: name the tag or commit that was deployed before, such as: make rollback TO=v1.0.0" ;;
esac
case "${COMPONENTS:-}" in
('' | changed) ;;
(*) fail "COMPONENTS is $COMPONENTS; it may only be \"changed\"" ;;
esac
top=$(git rev-parse --show-toplevel) || fail 'a rollback needs the Git repository with the manifests: run it there'
cd "$top"
for revision in "$TO" HEAD; do
	git rev-parse --verify --quiet "$revision^{commit}" > /dev/null && continue
	kind=$(git cat-file -t "$revision" 2> /dev/null) ||
		fail "this repository has no commit $revision; \`git tag\` lists its tags, and \`git fetch --tags\` gets those of the remote"
	fail "$revision is a $kind, and no commit or tag of one: name the commit that was deployed before, such as: make rollback TO=v1.0.0"
done
dir=$(cd "$(mktemp -d)" && pwd -P)
applying=
# ends says what to do if the cluster may have a part of each version.
ends() {
	rm -rf "$dir"
	[ -z "$applying" ] || echo "The rollback to $TO failed halfway. Run it again: what it has done does no harm twice." >&2
}
trap ends EXIT

# build REVISION NAME writes the objects of a revision to NAME.yaml, a line for each to
# NAME.objects (its namespace, - without one, type and name), and its components to
# NAME.components.
build() {
	mkdir "$dir/$2"
	git archive --output="$dir/$2.tar" "$1"
	tar -x -C "$dir/$2" -f "$dir/$2.tar"
	if [ ! -d "$dir/$2/$OVERLAY" ]; then
		fail "the revision $1 has no directory $OVERLAY"
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
		fail "the directory $OVERLAY of the revision $1 has no objects"
	fi
	within "$dir/$2" > "$dir/$2.components"
}

# within DIRECTORY prints the components of OVERLAY there, by their paths from the directory.
within() {
	components "$1/$OVERLAY" | while read -r path; do
		printf '%s\n' "${path#"$1"/}"
	done | sort -u
}

# components DIRECTORY prints the components that a kustomization and those that it names have. An
# entry may stand in the line below its "-", ">" or "|", and have an anchor or be an alias.
components() (
	for file in kustomization.yaml kustomization.yml Kustomization; do
		[ ! -f "$1/$file" ] || awk '
			{ sub(/(^|[ \t])#.*/, ""); gsub(/["\047]/, "") }
			/^[A-Za-z]/ { list = $1; sub(/:.*/, "", list); sub(/^[^:]*:/, "") }
			list ~ /^(components|resources|bases)$/ {
				sub(/^[ \t]*-[ \t]+/, "")
				gsub(/[][,]/, " ")
				for (i = 1; i <= NF; i++) {
					if ($i ~ /^&/) { anchor = substr($i, 2); continue }
					if ($i ~ /^(-|!.*|[>|][-+0-9]*)$/) continue
					if ($i ~ /^\*/ && substr($i, 2) in named) $i = named[substr($i, 2)]
					if (anchor) named[anchor] = $i
					anchor = ""
					print list, $i
				}
			}
		' "$1/$file"
	done | while read -r list entry; do
		if [ -d "$1/$entry" ]; then
			[ "$list" != components ] || (cd "$1/$entry" && pwd -P)
			components "$1/$entry"
		elif [ "$list" = components ]; then
			echo "$entry" # of another repository
		fi
	done
)

# restart KIND NAME restarts a program of the monitoring, which reads its configuration when it
# starts, if a pod of it is older than one of its ConfigMaps. An earlier run that failed may have
# changed them.
restart() {
	changed=$(kubectl -n istio-system get configmaps -l "app=$2" -o 'jsonpath={.items[*].metadata.managedFields[*].time}')
	started=$(kubectl -n istio-system get pods -l "app=$2" -o 'jsonpath={.items[*].metadata.creationTimestamp}')
	[ -n "$changed" ] && [ -n "$started" ] || return 0
	last=$(printf '%s\n' $changed | sort | tail -n 1)
	first=$(printf '%s\n' $started | sort | head -n 1)
	# Whichever was first within one second, the pod may have the older one.
	if [ "$(printf '%s\n' "$first" "$last" | sort | head -n 1)" = "$first" ]; then
		kubectl -n istio-system rollout restart "$1/$2"
	fi
}

build "$TO" old
build HEAD new
within "$(pwd -P)" > "$dir/here.components"
for other in new here; do
	comm -13 "$dir/old.components" "$dir/$other.components"
done | sort -u > "$dir/added.components"
for other in new here; do
	comm -23 "$dir/old.components" "$dir/$other.components"
done | sort -u > "$dir/removed.components"
if [ -s "$dir/added.components" ] || [ -s "$dir/removed.components" ]; then
	if [ "${COMPONENTS:-}" != changed ]; then
		{
			echo "HEAD or the working tree has other components than $TO, so nothing was changed:"
			sed "s|^|  added since $TO: |" "$dir/added.components"
			sed "s|^|  removed since $TO: |" "$dir/removed.components"
			echo 'The manifests of a component have databases, a Redis or routes of their own, and applying them moves no data.'
			echo 'Move the store first, as "Components" in docs/operations.md says, and roll back to a commit with the same ones.'
			echo 'If the data is already where the manifests look for it, add COMPONENTS=changed.'
		} >&2
		exit 1
	fi
fi
# A pod that starts has the ConfigMaps that were applied before.
applying=1
kubectl apply -k "$dir/old/$OVERLAY" -l app=api-gateway
kubectl -n ecommerce rollout restart deployment/api-gateway
kubectl -n ecommerce rollout status --timeout=10m deployment/api-gateway
kubectl apply -k "$dir/old/$OVERLAY"
restart statefulset prometheus
restart statefulset alertmanager
restart deployment grafana
restart deployment otel-collector
applying=
echo "The cluster has the manifests of $TO. The files here are as before: revert them before they are applied again."
if [ -n "$(git status --porcelain -- manifests "$OVERLAY")" ]; then
	echo 'The working tree has changes that are not committed. What only they have is not named here.'
fi

# Kinds whose objects neither hold data nor own objects that do: Git has what is in them. Of every
# other kind, also of one that is not known here, nobody is told to delete an object.
istio='(networking|security|telemetry|extensions)\.istio\.io'
replaceable=" (ConfigMap|Service|ServiceAccount|ResourceQuota|LimitRange\
|(Deployment|DaemonSet)\.[a-z0-9]+\.apps|(CronJob|Job)\.[a-z0-9]+\.batch\
|HorizontalPodAutoscaler\.[a-z0-9]+\.autoscaling|PodDisruptionBudget\.[a-z0-9]+\.policy\
|(NetworkPolicy|Ingress)\.[a-z0-9]+\.networking\.k8s\.io\
|(Role|RoleBinding|ClusterRole|ClusterRoleBinding)\.[a-z0-9]+\.rbac\.authorization\.k8s\.io\
|[A-Za-z]+\.[a-z0-9]+\.$istio|[A-Za-z]+\.[a-z0-9]+\.gateway\.networking\.k8s\.io) "
delete() { sed -E -e "s|^- (.*)|kubectl delete \\1$2|" -e t -e "s|^([^ ]+) (.*)|kubectl -n \\1 delete \\2$2|" "$1"; }
# An object is the same one in each version of its API, which may differ here.
awk '
	{ split($2, type, "."); group = $2; sub(/^[^.]*(\.[^.]*)?/, "", group); object = $1 " " type[1] group " " $3 }
	FILENAME == ARGV[1] { old[object] }
	FILENAME != ARGV[1] && !(object in old)
' "$dir/old.objects" "$dir/new.objects" > "$dir/added"
if grep -E "$replaceable" "$dir/added" > "$dir/deletable"; then
	echo 'Only the version of HEAD has these objects. They still exist; these commands delete them:'
	delete "$dir/deletable" ''
fi
if grep -vE "$replaceable" "$dir/added" > "$dir/kept"; then
	echo 'So do these, which hold data or own objects that do (namespace, type, name). Delete none before its data is elsewhere:'
	cat "$dir/kept"
fi
# The Secrets that an ExternalSecret made are deleted with it, unless they are made orphans.
if grep -E ' ExternalSecret\.[^ ]+ ' "$dir/added" > "$dir/owners"; then
	echo 'These commands stop External Secrets and leave the Secrets, which the pods need:'
	delete "$dir/owners" ' --cascade=orphan'
	if grep -E ' (Cluster)?SecretStore\.[^ ]+ ' "$dir/added" > "$dir/stores"; then
		delete "$dir/stores" ''
	fi
fi
