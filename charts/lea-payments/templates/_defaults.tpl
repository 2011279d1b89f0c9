{{/*
Gives every empty section, list and value (`extraEnv:` and nothing behind it) its default. Helm removes what is null, so the
defaults come from files/values.yaml, a copy of values.yaml.
*/}}
{{- define "lea-payments.defaults" -}}
{{- $defaults := .Files.Get "files/values.yaml" | fromYaml -}}
{{- if not (hasKey $defaults "serviceDefaults") }}
{{- fail "the chart is incomplete: files/values.yaml is missing or damaged; fetch the whole chart again" }}
{{- end }}
{{- $asTheyAre := list "resources" "labels" "annotations" "podSecurityContext" "containerSecurityContext" -}}
{{- include "lea-payments.fill" (list .Values $defaults $asTheyAre) }}
{{- include "lea-payments.dropNulls" (list .Values $asTheyAre) }}
{{- end -}}

{{/*
Adds defaults that a map lacks: (list $ defaults asTheyAre). Some sections go to Kubernetes as they are; inside them, null leaves
out a field: `resources: {limits: {memory: null}}`.
*/}}
{{- define "lea-payments.fill" -}}
{{- $map := first . -}}
{{- $asTheyAre := last . -}}
{{- range $key, $default := index . 1 }}
{{- if or (not (hasKey $map $key)) (kindIs "invalid" (get $map $key)) }}
{{- $_ := set $map $key $default }}
{{- else if and (kindIs "map" $default) (not (has $key $asTheyAre)) }}
{{- include "lea-payments.fill" (list (get $map $key) $default $asTheyAre) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Removes empty values that have no default, such as `webhook: {replicas: }`: (list $ asTheyAre). */}}
{{- define "lea-payments.dropNulls" -}}
{{- $map := first . -}}
{{- $asTheyAre := last . -}}
{{- range $key, $value := $map }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $map $key }}
{{- else if and (kindIs "map" $value) (not (has $key $asTheyAre)) }}
{{- include "lea-payments.dropNulls" (list $value $asTheyAre) }}
{{- end }}
{{- end }}
{{- end -}}
