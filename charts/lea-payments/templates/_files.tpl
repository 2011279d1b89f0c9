{{/* Rejects a chart that has lost some of its rules or dashboards, which would render less without an error. */}}
{{- define "lea-payments.checkFiles" -}}
{{- if .Values.prometheusRule.enabled }}
{{- include "lea-payments.checkFolder" (list $ "rules" "prometheusRule") }}
{{- end }}
{{- if .Values.dashboards.enabled }}
{{- include "lea-payments.checkFolder" (list $ "dashboards" "dashboards") }}
{{- end }}
{{- end -}}

{{/* Rejects a folder that lacks a file of files/index.yaml: (list $ folder section). */}}
{{- define "lea-payments.checkFolder" -}}
{{- $root := first . -}}
{{- $folder := index . 1 -}}
{{- $section := last . -}}
{{- $names := get ($root.Files.Get "files/index.yaml" | fromYaml) $folder }}
{{- if empty $names }}
{{- include "lea-payments.failIncomplete" (list "incomplete" $section (printf "files/index.yaml is missing or names no %s" $folder)) }}
{{- end }}
{{- range $names }}
{{- $path := printf "files/%s/%s" $folder . }}
{{- $text := $root.Files.Get $path }}
{{- if empty $text }}
{{- include "lea-payments.failIncomplete" (list "incomplete" $section (printf "%s is missing or empty" $path)) }}
{{- end }}
{{- /* The rules are read once, where they are rendered. */}}
{{- if and (hasSuffix ".json" .) (empty ($text | fromJson).panels) }}
{{- include "lea-payments.failIncomplete" (list "damaged" $section (printf "%s holds no panels" $path)) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Ends the render of a chart that is not whole: (list state section problem). */}}
{{- define "lea-payments.failIncomplete" -}}
{{- fail (printf "the chart is %s: %s; fetch the whole chart again, with copies and not links (`python -m dashboards.build`), or set %s.enabled to false" (first .) (last .) (index . 1)) }}
{{- end -}}
