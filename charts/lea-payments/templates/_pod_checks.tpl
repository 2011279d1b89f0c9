{{/*
Rejects names that a pod would have twice: Kubernetes refuses two volumes or mounts of one name or path, and Helm 4 two
variables. The services' variables have checks of their own.
*/}}
{{- define "lea-payments.checkPodNames" -}}
{{- $variables := dict
  "dynamodb" (list "DDB_LOCAL_TELEMETRY")
  "dynamodb-admin" (list "HOST" "PORT" "DYNAMO_ENDPOINT" "AWS_REGION" "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY")
-}}
{{- $volumes := dict "dynamodb" (list "tmp" "data") -}}
{{- $paths := dict "dynamodb" (list "/tmp" "/data") -}}
{{- range $component, $secrets := dict "webhook" (list "stripe") "checkout" (list "stripe" "callers") "reconciler" (list "stripe")
  "notifier" (list "notifier") "mcp" (list "clients" "checkout") }}
{{- $_ := set $volumes $component (prepend $secrets "tmp") }}
{{- $mounts := list "/tmp" }}
{{- range $secrets }}
{{- $mounts = append $mounts (printf "/run/secrets/%s" .) }}
{{- end }}
{{- $_ := set $paths $component $mounts }}
{{- end }}
{{- range $component := list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "table-init" "emulator" "dynamodb" "dynamodb-admin" "test" }}
{{- $pod := include "lea-payments.podSettings" (list $ $component) | fromJson }}
{{- if hasKey $variables $component }}
{{- include "lea-payments.checkUnique" (list $component "extraEnv" "name" $pod.extraEnv (get $variables $component)) }}
{{- end }}
{{- include "lea-payments.checkUnique" (list $component "extraVolumes" "name" $pod.extraVolumes (get $volumes $component | default (list "tmp"))) }}
{{- include "lea-payments.checkUnique" (list $component "extraVolumeMounts" "mountPath" $pod.extraVolumeMounts (get $paths $component | default (list "/tmp"))) }}
{{- end }}
{{- end -}}

{{/* Rejects two items of one name: (list component value key items names), where the chart itself has the names. */}}
{{- define "lea-payments.checkUnique" -}}
{{- $component := index . 0 -}}
{{- $value := index . 1 -}}
{{- $key := index . 2 -}}
{{- $names := index . 4 -}}
{{- range index . 3 }}
{{- $name := get . $key }}
{{- if has $name $names }}
{{- fail (printf "the pod of %s would have the %s %s of %s twice: the chart, or another item of %s, has it already" $component $key $name $value $value) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- end -}}
