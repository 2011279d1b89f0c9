{{/* The section of values of a component: (list $ component), as JSON. */}}
{{- define "lea-payments.section" -}}
{{- $values := (first .).Values -}}
{{- $sections := dict
  "table-init" $values.tableInit
  "dynamodb" $values.dynamodb.local
  "dynamodb-admin" $values.dynamodb.admin
-}}
{{- toJson (get $sections (last .) | default (index $values (last .)) | default dict) -}}
{{- end -}}

{{/* A map with another one on top, whose null removes a key: (list below above), as JSON. */}}
{{- define "lea-payments.overridden" -}}
{{- $result := deepCopy (default dict (first .)) -}}
{{- range $key, $value := default dict (last .) }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $result $key }}
{{- else }}
{{- $_ := set $result $key $value }}
{{- end }}
{{- end }}
{{- toJson $result -}}
{{- end -}}

{{/*
What the pod of a component gets from the values at the top level and from its own section: (list $ component), as JSON.
Maps are merged, lists are joined, and of single values the component's own one wins. `extra…` and `envFrom` at the top level
are for the pods that run `image`.
*/}}
{{- define "lea-payments.podSettings" -}}
{{- $values := (first .).Values -}}
{{- $own := include "lea-payments.section" . | fromJson -}}
{{- $result := dict -}}
{{- range $name := list "nodeSelector" "podSecurityContext" "containerSecurityContext" "podAnnotations" }}
{{- $below := deepCopy (get $values $name | default dict) }}
{{- if and (eq $name "podSecurityContext") (has (last $) (list "dynamodb" "dynamodb-admin")) }}
{{- include "lea-payments.setThirdPartyUser" $below }}
{{- end }}
{{- $_ := set $result $name (include "lea-payments.overridden" (list $below (get $own $name)) | fromJson) }}
{{- end }}
{{- $labels := include "lea-payments.overridden" (list $values.commonLabels $values.podLabels) | fromJson -}}
{{- $_ := set $result "podLabels" (include "lea-payments.overridden" (list $labels $own.podLabels) | fromJson) -}}
{{- $resources := dict -}}
{{- range $kind := list "requests" "limits" }}
{{- with include "lea-payments.overridden" (list (get ($values.resources | default dict) $kind) (get ($own.resources | default dict) $kind)) | fromJson }}
{{- $_ := set $resources $kind . }}
{{- end }}
{{- end }}
{{- $_ := set $result "resources" $resources -}}
{{- range $name := list "tolerations" "hostAliases" }}
{{- $_ := set $result $name (concat (get $values $name | default list) (get $own $name | default list)) }}
{{- end }}
{{- $isOwnImage := has (last .) (list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "table-init" "test") -}}
{{- range $name := list "extraEnv" "envFrom" "extraVolumes" "extraVolumeMounts" }}
{{- $shared := $isOwnImage | ternary (get $values $name) list | default list }}
{{- $_ := set $result $name (concat $shared (get $own $name | default list)) }}
{{- end }}
{{- range $name := list "affinity" "topologySpreadConstraints" "priorityClassName" "runtimeClassName" }}
{{- $_ := set $result $name (get $own $name | default (get $values $name)) }}
{{- end }}
{{- toJson $result -}}
{{- end -}}

{{/* Sets the user that the images of DynamoDB Local and dynamodb-admin are made for, unless the platform chooses one. */}}
{{- define "lea-payments.setThirdPartyUser" -}}
{{- range list "runAsUser" "runAsGroup" "fsGroup" }}
{{- if hasKey $ . }}
{{- $_ := set $ . 1000 }}
{{- end }}
{{- end }}
{{- end -}}
