{{/*
Gives every empty section, list and value (`extraEnv:` and nothing behind it) its default. Helm removes what is null, so the
defaults come from files/values.yaml, a copy of values.yaml.
*/}}
{{- define "lea-payments.defaults" -}}
{{- $defaults := .Files.Get "files/values.yaml" | fromYaml -}}
{{- if not (hasKey $defaults "serviceDefaults") }}
{{- fail "the chart is incomplete: files/values.yaml is missing or damaged; fetch the whole chart again" }}
{{- end }}
{{- include "lea-payments.fill" (list .Values $defaults) }}
{{- include "lea-payments.dropNulls" .Values }}
{{- end -}}

{{/* Adds defaults that a map lacks: (list $ defaults). */}}
{{- define "lea-payments.fill" -}}
{{- $map := first . -}}
{{- range $key, $default := last . }}
{{- if or (not (hasKey $map $key)) (kindIs "invalid" (get $map $key)) }}
{{- $_ := set $map $key $default }}
{{- else if and (kindIs "map" $default) (not (has $key (include "lea-payments.kubernetesSections" . | fromYamlArray))) }}
{{- include "lea-payments.fill" (list (get $map $key) $default) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Removes empty values that have no default, such as `webhook: {replicas: }`. */}}
{{- define "lea-payments.dropNulls" -}}
{{- range $key, $value := . }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $ $key }}
{{- else if and (kindIs "map" $value) (not (has $key (include "lea-payments.kubernetesSections" . | fromYamlArray))) }}
{{- include "lea-payments.dropNulls" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Sections that go to Kubernetes as they are. Inside them, null leaves out a field: `resources: {limits: {memory: null}}`. */}}
{{- define "lea-payments.kubernetesSections" -}}
[resources, labels, annotations, podSecurityContext, containerSecurityContext]
{{- end -}}
