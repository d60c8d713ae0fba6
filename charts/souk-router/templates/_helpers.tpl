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
{{- range regexFindAll "[0-9.]+(ms|h|m|s)" . -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $sum = addf $sum (mulf (trimSuffix $unit .) (get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit)) -}}
{{- end -}}
{{- int64 (ceil $sum) -}}
{{- end -}}

{{- /* How long the router works on a request. */ -}}
{{- define "souk-router.routerTimeout" -}}
{{- dig "traffic_shaping" "router" "timeout" "30s" .Values.config -}}
{{- end -}}

{{- /* How long the Gateway waits for the router: long enough for the router to report its own timeout. */ -}}
{{- define "souk-router.requestTimeout" -}}
{{- $router := int64 (include "souk-router.milliseconds" (include "souk-router.routerTimeout" .)) -}}
{{- with .Values.httpRoute.timeouts.request -}}
{{- if lt (int64 (include "souk-router.milliseconds" .)) (add $router 500) -}}
{{- fail (printf "httpRoute.timeouts.request is %s; it must be at least 500ms longer than config.traffic_shaping.router.timeout (%s), so that clients get the router's own error" . (include "souk-router.routerTimeout" $)) -}}
{{- end -}}
{{- . -}}
{{- else -}}
{{- $wait := add $router 5000 -}}
{{- /* A number in a duration of the Gateway API has up to five digits. */ -}}
{{- div $wait 1000 -}}s{{ with mod $wait 1000 }}{{ . }}ms{{ end }}
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
