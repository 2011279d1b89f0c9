{{/* Rejects a chart that has lost some of its rules or dashboards, which would render less without an error. */}}
{{- define "lea-payments.checkFiles" -}}
{{- if .Values.prometheusRule.enabled }}
{{- include "lea-payments.checkFolder" (list $ "prometheusRule" "rules" "groups") }}
{{- end }}
{{- if .Values.dashboards.enabled }}
{{- include "lea-payments.checkFolder" (list $ "dashboards" "dashboards" "panels") }}
{{- end }}
{{- end -}}

{{/*
Rejects a folder that lacks a file of files/index.yaml, or has one without content: (list $ section folder key), where each file
has something under the key.
*/}}
{{- define "lea-payments.checkFolder" -}}
{{- $files := (first .).Files -}}
{{- $section := index . 1 -}}
{{- $folder := index . 2 -}}
{{- $key := last . -}}
{{- $advice := printf "fetch the whole chart again, with copies and not links (`python -m dashboards.build`), or set %s.enabled to false" $section -}}
{{- $names := get ($files.Get "files/index.yaml" | fromYaml) $folder }}
{{- if empty $names }}
{{- fail (printf "the chart is incomplete: files/index.yaml is missing or names no %s; %s" $folder $advice) }}
{{- end }}
{{- range $names }}
{{- $path := printf "files/%s/%s" $folder . }}
{{- $text := $files.Get $path }}
{{- if empty $text }}
{{- fail (printf "the chart is incomplete: %s is missing or empty; %s" $path $advice) }}
{{- end }}
{{- $content := hasSuffix ".json" . | ternary ($text | fromJson) ($text | fromYaml) }}
{{- if empty (get $content $key) }}
{{- fail (printf "the chart is damaged: %s holds no %s; %s" $path $key $advice) }}
{{- end }}
{{- end }}
{{- end -}}
