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
{{- end -}}

{{/* Name, namespace and labels of an object: (list $ component). */}}
{{- define "lea-payments.metadata" -}}
name: {{ include "lea-payments.fullname" (first .) }}-{{ last . }}
namespace: {{ (first .).Release.Namespace }}
labels:
  {{- include "lea-payments.labels" . | nindent 2 }}
{{- end -}}
