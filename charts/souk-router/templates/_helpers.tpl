{{- define "souk-router.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "souk-router.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "souk-router.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "souk-router.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "souk-router.selector" -}}
app.kubernetes.io/name: {{ include "souk-router.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "souk-router.labels" -}}
{{ include "souk-router.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "souk-router.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "souk-router.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "souk-router.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* The address of a supergraph that the router fetches, or nothing. */ -}}
{{- define "souk-router.remote" -}}
{{- dig "supergraph" "remote" "url" "" .Values.config -}}
{{- end -}}

{{- /* router.yaml: the values, and what the chart decides. */ -}}
{{- define "souk-router.config" -}}
{{- $own := dict
  "version" "1"
  "listen" (printf "0.0.0.0:%d" (int .Values.ports.http))
  "admin" (dict "listen" (printf "0.0.0.0:%d" (int .Values.ports.admin))) -}}
{{- if not (include "souk-router.remote" .) -}}
{{- $_ := set $own "supergraph" (dict "file" (printf "/etc/souk/graph/%s" .Values.supergraph.file)) -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite (deepCopy .Values.config) $own) -}}
{{- end -}}

{{- /* The parts of router.yaml that the router reads only when it starts. */ -}}
{{- define "souk-router.restart" -}}
{{- toJson (dict "ports" .Values.ports "admin" .Values.config.admin "log" .Values.config.log "telemetry" .Values.config.telemetry "routes" .Values.routes) | sha256sum -}}
{{- end -}}

{{- /* A duration such as 1m30s in milliseconds. */ -}}
{{- define "souk-router.milliseconds" -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ns|us|µs|ms|h|m|s)" . -1 -}}
{{- $unit := regexFind "[a-zµ]+" . -}}
{{- $sum = addf $sum (mulf (trimSuffix $unit .) (get (dict "ns" 0.000001 "us" 0.001 "µs" 0.001 "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit)) -}}
{{- end -}}
{{- int64 (ceil $sum) -}}
{{- end -}}

{{- /* The timeout of the router as it is written, with the variables that env sets. */ -}}
{{- define "souk-router.writtenTimeout" -}}
{{- $timeout := dig "traffic_shaping" "router" "timeout" "30s" .Values.config -}}
{{- range .Values.env -}}
{{- if .value -}}
{{- $timeout = regexReplaceAllLiteral (printf `\$\{env\.%s(:-[^}]*)?\}` .name) $timeout .value -}}
{{- end -}}
{{- end -}}
{{- $timeout -}}
{{- end -}}

{{- /* How long the router works on a request, or nothing if only the pod knows: a reference without a default. */ -}}
{{- define "souk-router.routerTimeout" -}}
{{- $timeout := regexReplaceAll `\$\{env\.[A-Za-z_][A-Za-z0-9_]*:-([^}]*)\}` (include "souk-router.writtenTimeout" .) "${1}" -}}
{{- if regexMatch "^([0-9.]+(ns|us|µs|ms|s|m|h))+$" $timeout -}}{{ $timeout }}{{- end -}}
{{- end -}}

{{- /* Whether the route's timeout follows from the default of a reference. */ -}}
{{- define "souk-router.timeoutOfDefault" -}}
{{- if and .Values.httpRoute.enabled .Values.httpRoute.timeouts.enabled (not .Values.httpRoute.timeouts.request) (contains "${" (include "souk-router.writtenTimeout" .)) -}}true{{- end -}}
{{- end -}}

{{- /* How long the Gateway waits for the router: long enough for the router to report its own timeout, and without end if it has none. */ -}}
{{- define "souk-router.requestTimeout" -}}
{{- $timeout := include "souk-router.routerTimeout" . -}}
{{- $router := int64 (include "souk-router.milliseconds" $timeout) -}}
{{- with .Values.httpRoute.timeouts.request -}}
{{- $wait := int64 (include "souk-router.milliseconds" .) -}}
{{- if and $wait (lt $wait (add $router 500)) -}}
{{- fail (printf "httpRoute.timeouts.request is %s; it must be at least 500ms longer than config.traffic_shaping.router.timeout (%s), so that clients get the router's own error" . $timeout) -}}
{{- end -}}
{{- . -}}
{{- else -}}
{{- if not $timeout -}}
{{- fail (printf "config.traffic_shaping.router.timeout is %s, which the chart cannot read: set httpRoute.timeouts.request to at least 500ms more than its value" .Values.config.traffic_shaping.router.timeout) -}}
{{- end -}}
{{- /* A number in a duration of the Gateway API has up to five digits. */ -}}
{{- $wait := add $router 5000 -}}
{{- if not $router -}}
0s
{{- else if lt $wait 100000000 -}}
{{- div $wait 1000 -}}s{{ with mod $wait 1000 }}{{ . }}ms{{ end }}
{{- else if lt $wait 5999940000 -}}
{{- div (add $wait 59999) 60000 -}}m
{{- else if lt $wait 359996400000 -}}
{{- div (add $wait 3599999) 3600000 -}}h
{{- else -}}
{{- fail (printf "config.traffic_shaping.router.timeout is %s; the Gateway API waits for up to 99999h: for no limit, write 0s" $timeout) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "souk-router.check" -}}
{{- $sources := 0 -}}
{{- range list .Values.supergraph.sdl .Values.supergraph.existingConfigMap .Values.supergraph.volume (include "souk-router.remote" .) -}}
{{- if . -}}{{- $sources = add1 $sources -}}{{- end -}}
{{- end -}}
{{- if ne (int $sources) 1 -}}
{{- fail "set exactly one of supergraph.sdl, supergraph.existingConfigMap, supergraph.volume and config.supergraph.remote.url, for example with --set-file supergraph.sdl=supergraph.graphql" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs must name the Gateway of the route" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts must name at least one host" -}}
{{- end -}}
{{- if not (dig "health_check" "enabled" true .Values.config) -}}
{{- fail "config.health_check.enabled must be true: Kubernetes probes the pods with these endpoints" -}}
{{- end -}}
{{- if eq (int .Values.ports.http) (int .Values.ports.admin) -}}
{{- fail "ports.http and ports.admin must differ" -}}
{{- end -}}
{{- end -}}
