{{/* Prefix of all names. It is computed once, because a cut one asks the cluster. */}}
{{- define "lea-payments.fullname" -}}
{{- if not (hasKey .Values "computedPrefix") }}
{{- $_ := set .Values "computedPrefix" (include "lea-payments.prefix" .) }}
{{- end }}
{{- .Values.computedPrefix -}}
{{- end -}}

{{/*
The prefix has at most 46 characters and begins with a letter, as the name of a Service must. Any other prefix is cut and ends in
a hash of the whole, so that two releases never share their names.
*/}}
{{- define "lea-payments.prefix" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $prefix := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $whole := default $prefix .Values.fullnameOverride -}}
{{- $cut := $whole | trunc 46 | trimSuffix "-" -}}
{{- $fits := eq $cut (trimSuffix "-" $whole) -}}
{{- if and (regexMatch "^[a-z][a-z0-9-]*$" $cut) (or $fits (include "lea-payments.owns" (list . $cut))) -}}
{{ $cut }}
{{- else -}}
{{- $safe := regexReplaceAll "[^a-z0-9]+" (lower $whole) "-" | trimAll "-" -}}
{{- $safe = regexMatch "^[a-z]" $safe | ternary $safe (printf "lea-%s" $safe) -}}
{{- printf "%s-%s" ($safe | trunc 34 | trimSuffix "-") ($whole | sha256sum | trunc 8) -}}
{{- end -}}
{{- end -}}

{{/*
Text if the release has a Service with this prefix: (list $ prefix). Versions before 0.2.0 cut prefixes without a hash; an upgrade
of such a release keeps its names.
*/}}
{{- define "lea-payments.owns" -}}
{{- $root := first . -}}
{{- $service := lookup "v1" "Service" $root.Release.Namespace (printf "%s-webhook" (last .)) -}}
{{- $annotations := ($service.metadata | default dict).annotations | default dict -}}
{{- if eq (get $annotations "meta.helm.sh/release-name") $root.Release.Name }}true{{ end -}}
{{- end -}}

{{/*
Name of an object: (list $ component), and as a third item the longest name that its kind allows. A StatefulSet's name has at
most 52 characters and a Job's 63, for Kubernetes makes labels of them. A name that is cut keeps its end and gets a hash.
*/}}
{{- define "lea-payments.name" -}}
{{- $prefix := include "lea-payments.fullname" (first .) -}}
{{- $suffix := index . 1 -}}
{{- $longest := index (append . 253) 2 | int -}}
{{- $name := printf "%s-%s" $prefix $suffix -}}
{{- if gt (len $name) $longest -}}
{{- $room := sub (sub $longest (len $suffix)) 10 | int -}}
{{- $name = printf "%s-%s-%s" ($prefix | trunc $room | trimSuffix "-") ($prefix | sha256sum | trunc 8) $suffix -}}
{{- end -}}
{{ $name }}
{{- end -}}

{{/* A text as the value of a label: at most 63 letters, digits and `-_.`, with a letter or a digit at both ends. */}}
{{- define "lea-payments.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9_.-]+" (toString .) "_" | trunc 63 | trimAll "-_." -}}
{{- end -}}

{{/* Labels that never change, for selectors: (list $ component). An empty component selects the whole release. */}}
{{- define "lea-payments.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "lea-payments.labelValue" (default $root.Chart.Name $root.Values.nameOverride) | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
{{- with last . }}
app.kubernetes.io/component: {{ . | quote }}
{{- end }}
{{- end -}}

{{/*
Labels of an object: (list $ component). Not for pod templates and volume claims: the labels change with each version,
and neither a Job's pod template nor a volume claim can be updated.
*/}}
{{- define "lea-payments.labels" -}}
{{- $root := first . -}}
{{ include "lea-payments.selector" . }}
app.kubernetes.io/version: {{ include "lea-payments.labelValue" $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | include "lea-payments.labelValue" | quote }}
{{- with omit (default dict $root.Values.commonLabels) "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component"
  "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name, namespace, labels and annotations of an object: (list $ component), and as a third item annotations of its own. */}}
{{- define "lea-payments.metadata" -}}
name: {{ include "lea-payments.name" (list (first .) (index . 1)) | quote }}
namespace: {{ (first .).Release.Namespace | quote }}
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
{{- with $annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
