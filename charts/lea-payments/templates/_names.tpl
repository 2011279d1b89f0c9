{{/* Prefix of all names. 46 characters leave room for the longest suffix in a StatefulSet's name. */}}
{{- define "lea-payments.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $prefix := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $prefix .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that never change, for selectors: (list $ component). An empty component selects the whole release. */}}
{{- define "lea-payments.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with last . }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/*
Labels of an object: (list $ component). Not for pod templates and volume claims: the labels change with each version,
and neither a Job's pod template nor a volume claim can be updated.
*/}}
{{- define "lea-payments.labels" -}}
{{- $root := first . -}}
{{ include "lea-payments.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with omit (default dict $root.Values.commonLabels) "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component"
  "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name, namespace, labels and annotations of an object: (list $ component), and as a third item annotations of its own. */}}
{{- define "lea-payments.metadata" -}}
name: {{ include "lea-payments.fullname" (first .) }}-{{ index . 1 }}
namespace: {{ (first .).Release.Namespace }}
labels:
  {{- include "lea-payments.labels" (list (first .) (index . 1)) | nindent 2 }}
{{- with include "lea-payments.annotations" (list (first .) (slice . 2)) }}
{{ . }}
{{- end }}
{{- end -}}

{{/* Annotations of an object, if it has any: (list $ list), where the list has maps of its own annotations, which win. */}}
{{- define "lea-payments.annotations" -}}
{{- $annotations := deepCopy (default dict (first .).Values.commonAnnotations) -}}
{{- range last . }}
{{- range $name, $value := . }}
{{- $_ := set $annotations $name $value }}
{{- end }}
{{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
