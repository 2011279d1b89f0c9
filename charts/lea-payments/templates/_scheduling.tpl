{{/* Labels of the pods of one service and of one version: a rollout does not count the pods that it replaces. */}}
{{- define "lea-payments.versionSelector" -}}
labelSelector:
  matchLabels:
    {{- include "lea-payments.selector" . | nindent 4 }}
matchLabelKeys: [pod-template-hash]
{{- end -}}

{{/*
Affinity of a pod: (dict "root" "component" "pod"). The pods of a replicated service prefer different nodes. This is not a
topology spread constraint, because the scheduler would ignore it on nodes that lack the label of another constraint, such as
the zone's, if both are only preferred.
*/}}
{{- define "lea-payments.affinity" -}}
{{- $affinity := deepCopy (.pod.affinity | default dict) -}}
{{- $isReplicated := has .component (list "webhook" "pages" "checkout" "notifier" "mcp") -}}
{{- if and $isReplicated .root.Values.topologySpread.overHosts (not (hasKey $affinity "podAntiAffinity")) }}
{{- $term := include "lea-payments.versionSelector" (list .root .component) | fromYaml -}}
{{- $_ := set $term "topologyKey" "kubernetes.io/hostname" -}}
{{- $preference := dict "weight" 100 "podAffinityTerm" $term -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list $preference)) -}}
{{- end }}
{{- with $affinity -}}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Topology spread constraints of a pod: (dict "root" "component" "pod"). A constraint from the values gets the selector of the
service's pods, unless it has one. Nodes that are cordoned do not count, so a drain leaves no pod pending.
*/}}
{{- define "lea-payments.topologySpread" -}}
{{- $constraints := list -}}
{{- range .pod.topologySpreadConstraints }}
{{- $constraints = append $constraints (hasKey . "labelSelector" | ternary . (merge (deepCopy .) (include "lea-payments.versionSelector" (list $.root $.component) | fromYaml))) }}
{{- end }}
{{- if and (not $constraints) (has .component (list "webhook" "pages" "checkout" "notifier" "mcp")) }}
{{- range .root.Values.topologySpread.keys }}
{{- $constraint := dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" $.root.Values.topologySpread.whenUnsatisfiable "nodeTaintsPolicy" "Honor" }}
{{- $constraints = append $constraints (merge $constraint (include "lea-payments.versionSelector" (list $.root $.component) | fromYaml)) }}
{{- end }}
{{- end }}
{{- with $constraints -}}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
