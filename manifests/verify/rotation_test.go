package verify

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// secretStore is the part of Vault's command that the guide uses: an entry is a directory with
// a file for each property.
const secretStore = `#!/bin/sh -e
entry=$HOME/store/${3#secret/}
shift 3
mkdir -p "$entry"
for pair; do printf %s "${pair#*=}" > "$entry/${pair%%=*}"; done
`

// operator is kubectl, and does what the External Secrets Operator does with order-database
// when its status has been read four times: it writes the target, which it owns, from the
// entries that spec.data names, and then the time. It notes the URL of each restart.
const operator = `#!/bin/sh -e
kubectl=PROGRAMS/kubectl
field() { $kubectl -n ecommerce get externalsecret order-database -o go-template="$1"; }
synchronize() {
	target=$(field '{{.spec.target.name}}')
	set --
	while read -r key from; do set -- "$@" "--from-literal=$key=$(cat "$HOME/store/$from")"; done <<END
$(field '{{range .spec.data}}{{.secretKey}} {{.remoteRef.key}}/{{.remoteRef.property}}{{"\n"}}{{end}}')
END
	$kubectl -n ecommerce create secret generic "$target" "$@" --dry-run=client -o yaml | $kubectl apply --server-side --force-conflicts --field-manager=external-secrets -f -
	$kubectl -n ecommerce patch secret "$target" --type=merge -p '{"metadata":{"ownerReferences":[{"apiVersion":"external-secrets.io/v1","kind":"ExternalSecret","name":"order-database","uid":"'$(field '{{.metadata.uid}}')'","controller":true}]}}'
	$kubectl -n ecommerce patch externalsecret order-database --subresource=status --type=merge -p '{"status":{"refreshTime":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}'
}
case "$*" in
(*'get externalsecret order-database'*refreshTime*)
	echo >> "$HOME/polls"
	if test $(($(wc -l < "$HOME/polls") % 4)) = 0; then synchronize >&2; fi ;;
(*'rollout restart deployment/order-service')
	$kubectl -n ecommerce get secret order-database -o go-template='{{.data.DATABASE_URL | base64decode}}{{"\n"}}' >> "$HOME/restarts" ;;
esac
exec $kubectl "$@"
`

// The commands that rotate a password with the component external-secrets restart the service
// only when the operator has written what they gave to the secret store: first the second role,
// then the new password. The operator is not there; the test does what it would do, at a real
// API server.
func TestRotationWithExternalSecrets(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kube-apiserver")
	}
	server := startAPIServer(t)
	if err := server.try(t.Context(), istioSystem(), nil); err != nil {
		t.Fatal(err)
	}
	server.install(t, secretCRDs(t))
	s := newShell(t, server.kubeconfig)
	programs := s.programs
	s.programs = t.TempDir()
	for name, text := range map[string]string{"kubectl": strings.ReplaceAll(operator, "PROGRAMS", programs), "vault": secretStore} {
		if err := os.WriteFile(filepath.Join(s.programs, name), []byte(text), 0o700); err != nil { //nolint:gosec // it is a program
			t.Fatal(err)
		}
	}
	s.must(t, "(cd manifests && "+programs+"/kustomize edit add component components/external-secrets) && kubectl apply -k manifests")
	s.must(t, "vault kv patch secret/souk/order-database POSTGRES_USER=order POSTGRES_PASSWORD=old POSTGRES_DB=order DATABASE_URL=postgres://order:old@order-postgres:5432/order")
	s.must(t, rotation(t))

	const data = `kubectl -n ecommerce get secret order-database -o go-template='{{range $k, $v := .data}}{{$k}}={{$v | base64decode}}{{"\n"}}{{end}}{{range .metadata.ownerReferences}}{{.name}}{{end}}'`
	written := s.must(t, data)
	found := regexp.MustCompile(`^DATABASE_URL=(postgres://order:([0-9a-f]{48})@order-postgres:5432/order\S*)\nPOSTGRES_DB=order\nPOSTGRES_PASSWORD=([0-9a-f]{48})\nPOSTGRES_USER=order\norder-database$`).FindStringSubmatch(written)
	if found == nil || found[2] != found[3] {
		t.Fatalf("after the rotation, the Secret has\n%s", written)
	}
	restarts := strings.Fields(s.must(t, "cat restarts"))
	if len(restarts) != 2 || !strings.HasPrefix(restarts[0], "postgres://order_next:") || restarts[1] != found[1] {
		t.Errorf("the service restarts with %q, want the second role and then %s", restarts, found[1])
	}
	s.must(t, "kubectl apply -k manifests")
	if got := s.must(t, data); got != written {
		t.Errorf("an update changes the Secret to\n%s", got)
	}
}

// rotation returns the commands of the guide that rotate the password of the orders, without
// those that need a pod.
func rotation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guide, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Secrets from a secret store\n")
	_, section, found := strings.Cut(section, "\nTo rotate a secret, ")
	section, _, _ = strings.Cut(section, "\n#### ")
	if !found {
		t.Fatal("docs/operations.md does not rotate secrets of a secret store")
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(section, -1) {
		script.WriteString(block[1])
	}
	return regexp.MustCompile(`(?m)^.*kubectl -n \S+ (?:exec|rollout status) .*$`).ReplaceAllString(script.String(), ":")
}
