{{/* Rejects a chart that has lost its rules or dashboards, which would render empty objects. */}}
{{- define "lea-payments.checkFiles" -}}
{{- $root := . -}}
{{- $wanted := dict }}
{{- if .Values.prometheusRule.enabled }}
{{- $_ := set $wanted "prometheusRule" "files/rules/*.yaml" }}
{{- end }}
{{- if .Values.dashboards.enabled }}
{{- $_ := set $wanted "dashboards" "files/dashboards/*.json" }}
{{- end }}
{{- range $section, $pattern := $wanted }}
{{- $files := $root.Files.Glob $pattern }}
{{- $advice := printf "fetch the whole chart again, with copies and not links (`python -m dashboards.build`), or set %s.enabled to false" $section }}
{{- if empty $files }}
{{- fail (printf "the chart is incomplete: it has no %s; %s" $pattern $advice) }}
{{- end }}
{{- range $path, $_ := $files }}
{{- $text := $root.Files.Get $path }}
{{- $content := eq $section "dashboards" | ternary ($text | fromJson) ($text | fromYaml) }}
{{- if empty (get $content (eq $section "dashboards" | ternary "panels" "groups")) }}
{{- fail (printf "the chart is damaged: %s holds no %s; %s" $path (eq $section "dashboards" | ternary "dashboard" "rules") $advice) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
