{{/*
Metadata of an object that Prometheus or Grafana selects: (dict "root" "component" "labels" "annotations"). A given label
replaces the chart's own, so that no key stands twice.
*/}}
{{- define "lea-payments.selectedMetadata" -}}
{{- $metadata := include "lea-payments.metadata" (list .root .component .annotations) | fromYaml -}}
{{- $_ := set $metadata "labels" (merge (dict) (default dict .labels) $metadata.labels) -}}
{{- toYaml $metadata -}}
{{- end -}}

{{/* Groups of one rule file, with the severities, labels and runbook of the values: (list $ path). */}}
{{- define "lea-payments.ruleGroups" -}}
{{- $options := (first .).Values.prometheusRule -}}
{{- $text := (first .).Files.Get (last .) | replace "dashboards/runbook.md#" (printf "%s#" $options.runbookUrl) -}}
{{- $groups := ($text | fromYaml).groups -}}
{{- if empty $groups -}}
{{- include "lea-payments.failIncomplete" (list "damaged" "prometheusRule" (printf "%s holds no groups" (last .))) -}}
{{- end -}}
{{- range $group := $groups -}}
{{- range $rule := $group.rules -}}
{{- if $rule.alert -}}
{{- $severity := index $options.severities $rule.labels.severity | default $rule.labels.severity -}}
{{- $_ := set $rule "labels" (merge (dict) (default dict $options.additionalRuleLabels) (dict "severity" $severity) $rule.labels) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}
