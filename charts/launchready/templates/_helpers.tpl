{{- /*
Copyright The LaunchReady Authors.
SPDX-License-Identifier: Apache-2.0
*/ -}}

{{- define "launchready.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* A release named launchready gives the names that config/ gives. Room is left for what is put behind. */ -}}
{{- define "launchready.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "launchready.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "launchready.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "launchready.managerName" -}}
{{ include "launchready.fullname" . }}-manager
{{- end }}

{{- /* Of the webhook's Service, Secret and configuration. */ -}}
{{- define "launchready.webhookName" -}}
{{ include "launchready.fullname" . }}-webhook
{{- end }}

{{- define "launchready.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "launchready.managerName" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Who the operator is to the API server. The policy that guards Namespaces lets this user alone write the gate's state. */ -}}
{{- define "launchready.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "launchready.serviceAccountName" . }}
{{- end }}

{{- /* What selects the operator's pods. It can't be changed later. */ -}}
{{- define "launchready.selector" -}}
app.kubernetes.io/name: launchready
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end }}

{{- /*
Labels of an object, for (list $ COMPONENT [MORE]). The chart's own win: selectors need them, and the recovery commands
select by part-of.
*/ -}}
{{- define "launchready.labels" -}}
{{- $ := index . 0 }}
{{- $more := dict }}
{{- if gt (len .) 2 }}
{{- $more = index . 2 }}
{{- end }}
{{- $own := dict
  "app.kubernetes.io/name" "launchready"
  "app.kubernetes.io/instance" $.Release.Name
  "app.kubernetes.io/component" (index . 1)
  "app.kubernetes.io/part-of" "launchready"
  "app.kubernetes.io/version" $.Chart.AppVersion
  "app.kubernetes.io/managed-by" $.Release.Service
  "helm.sh/chart" (printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
}}
{{- toYaml (merge $own $more $.Values.commonLabels) }}
{{- end }}

{{- define "launchready.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- /* The constraints, with the operator's selector where there is none. */ -}}
{{- define "launchready.spread" -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "launchready.selector" . | fromYaml)) }}
{{- $constraints := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $constraints = append $constraints (merge (deepCopy .) $selector) }}
{{- end }}
{{- toYaml $constraints }}
{{- end }}

{{- /* What a schema can't say, or not clearly. */ -}}
{{- define "launchready.check" -}}
{{- $values := dict "watch-namespaces" "watchNamespaces" "metrics-cert-dir" "metrics.certSecret" "metrics-bind-address" "metrics.enabled" "webhook-bind-address" "webhook.enabled" "webhook-cert-dir" "webhook.certManager.enabled" }}
{{- range $arg := .Values.extraArgs }}
{{- $flag := trimPrefix "--" (first (splitList "=" $arg)) }}
{{- if hasKey $values $flag }}
{{- fail (printf "extraArgs: set --%s by the value %s, for more than the flag depends on it" $flag (get $values $flag)) }}
{{- end }}
{{- if has $flag (list "namespace" "health-probe-bind-address" "webhook-name") }}
{{- fail (printf "extraArgs: --%s is the chart's: roles, probes and policies depend on it" $flag) }}
{{- end }}
{{- if eq $flag "leader-elect" }}
{{- fail "extraArgs: --leader-elect is the chart's: an update runs an old pod and a new one for a while" }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if eq .name "POD_NAMESPACE" }}
{{- fail "extraEnv: POD_NAMESPACE is the chart's" }}
{{- end }}
{{- end }}
{{- range $value, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "metrics.serviceMonitor.labels" .Values.metrics.serviceMonitor.labels }}
{{- range $label, $_ := $labels }}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh|rbac\\.authorization\\.k8s\\.io)/" $label }}
{{- fail (printf "%s: the label %s is the chart's" $value $label) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
