{{/*
Metadata of an object that Prometheus or Grafana selects: (dict "root" "component" "labels" "annotations"). A given label
replaces the chart's own, so that no key stands twice.
*/}}
{{- define "lea-payments.selectedMetadata" -}}
{{- $metadata := include "lea-payments.metadata" (list .root .component .annotations) | fromYaml -}}
{{- $_ := set $metadata "labels" (merge (dict) (default dict .labels) $metadata.labels) -}}
{{- toYaml $metadata -}}
{{- end -}}
