{{/*
Number of pods in a Deployment: (list $ service). It is empty if something else sets the number and there is no cluster to ask.
Leaving it out of a manifest that had it makes Kubernetes run a single pod, so each upgrade keeps the current number.
*/}}
{{- define "lea-payments.replicas" -}}
{{- $root := first . -}}
{{- $values := include "lea-payments.serviceValues" . | fromJson -}}
{{- $scaling := $values.autoscaling -}}
{{- if or $scaling.enabled $scaling.external -}}
{{- $name := include "lea-payments.name" (list $root (last .)) -}}
{{- $live := lookup "apps/v1" "Deployment" $root.Release.Namespace $name -}}
{{- $isNew := and (not $live) (include "lea-payments.canLookUp" $root) -}}
{{- include "lea-payments.scaledReplicas" (dict "live" $live "isNew" $isNew "scaling" $scaling) -}}
{{- else -}}
{{- $values.replicas -}}
{{- end -}}
{{- end -}}

{{/* Largest number of pods in a Deployment: (list $ service). During a rollout there is one more. */}}
{{- define "lea-payments.mostPods" -}}
{{- $values := include "lea-payments.serviceValues" . | fromJson -}}
{{- $scaling := $values.autoscaling -}}
{{- max 1 (int (ternary $scaling.maxReplicas $values.replicas (or $scaling.enabled $scaling.external))) -}}
{{- end -}}

{{/*
Number of pods of a service that something else scales: (dict "live" "isNew" "scaling"), the Deployment in the cluster, whether
the cluster has none, and the values of autoscaling. A new Deployment starts with minReplicas, because without a number it has one
pod until the autoscaler acts. An existing one never gets fewer pods than now or than minReplicas. Once an autoscaler or
`kubectl scale` has set the number, it stays as it is: a different one would be a conflict for Helm 4, and the autoscaler itself
raises it to minReplicas.
*/}}
{{- define "lea-payments.scaledReplicas" -}}
{{- if .live -}}
{{- $current := int .live.spec.replicas -}}
{{- $isScaled := false -}}
{{- range .live.metadata.managedFields }}
{{- $isScaled = or $isScaled (eq (default "" .subresource) "scale") }}
{{- end }}
{{- $isScaled | ternary $current (max $current (int .scaling.minReplicas)) -}}
{{- else if not (kindIs "invalid" .scaling.replicas) -}}
{{- .scaling.replicas -}}
{{- else if .isNew -}}
{{- .scaling.minReplicas -}}
{{- end -}}
{{- end -}}
