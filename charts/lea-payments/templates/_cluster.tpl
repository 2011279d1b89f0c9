{{/*
Asks the cluster for what an install or upgrade would fail at, often only after its whole time-out. Without a cluster, as in
`helm template`, it finds nothing and is silent. Which questions are asked is `preflight`, because Helm ends with an error where
it may not read an object.
*/}}
{{- define "lea-payments.checkCluster" -}}
{{- if ne (toString .Values.preflight) "none" }}
{{- with include "lea-payments.clusterProblems" . | trim }}
{{- fail (printf "the cluster is not ready for this release:\n%s\n(preflight: none turns these checks off)" .) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* One line for each problem. */}}
{{- define "lea-payments.clusterProblems" -}}
{{ include "lea-payments.missingKinds" . }}
{{ include "lea-payments.fixedFields" . }}
{{ include "lea-payments.missingSecrets" . }}
{{ include "lea-payments.missingServiceAccounts" . }}
{{- if eq (toString .Values.preflight) "cluster" }}
{{ include "lea-payments.missingClasses" . }}
{{- end }}
{{- end -}}

{{/* Text if `lookup` finds what exists: every namespace has the ServiceAccount `default`. */}}
{{- define "lea-payments.canLookUp" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" }}true{{ end }}
{{- end -}}

{{/* Text if the kinds of the cluster are known: without a cluster, Helm knows only groups and versions. */}}
{{- define "lea-payments.knowsKinds" -}}
{{- if .Capabilities.APIVersions.Has "apps/v1/Deployment" }}true{{ end }}
{{- end -}}

{{/* Kinds that an operator brings. */}}
{{- define "lea-payments.missingKinds" -}}
{{- if include "lea-payments.knowsKinds" . }}
{{- $root := . }}
{{- $operator := "install Prometheus Operator first" }}
{{- $gateway := "install the CRDs of Gateway API first" }}
{{- range list
  (list "serviceMonitor" .Values.serviceMonitor.enabled "monitoring.coreos.com/v1/ServiceMonitor" $operator)
  (list "prometheusRule" .Values.prometheusRule.enabled "monitoring.coreos.com/v1/PrometheusRule" $operator)
  (list "webhook.httpRoute" .Values.webhook.httpRoute.enabled "gateway.networking.k8s.io/v1/HTTPRoute" $gateway)
  (list "pages.httpRoute" .Values.pages.httpRoute.enabled "gateway.networking.k8s.io/v1/HTTPRoute" $gateway)
  (list "mcp.httpRoute" (and .Values.mcp.enabled .Values.mcp.httpRoute.enabled) "gateway.networking.k8s.io/v1/HTTPRoute" $gateway) }}
{{- if and (index . 1) (not ($root.Capabilities.APIVersions.Has (index . 2))) }}
- {{ first . }}.enabled is true, but the cluster does not know {{ index . 2 }}: {{ last . }}, or set {{ first . }}.enabled to false
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Fields of existing objects that Kubernetes cannot change. */}}
{{- define "lea-payments.fixedFields" -}}
{{- $root := . -}}
{{- $selector := include "lea-payments.selector" (list . "webhook") | fromYaml -}}
{{- with lookup "apps/v1" "Deployment" .Release.Namespace (include "lea-payments.name" (list . "webhook")) }}
{{- $live := .spec.selector.matchLabels }}
{{- if not (deepEqual $live $selector) }}
- nameOverride: the Deployment {{ .metadata.name }} selects its pods by app.kubernetes.io/name {{ get $live "app.kubernetes.io/name" }}, which Kubernetes cannot change: set nameOverride to that name, or install a second release
{{- end }}
{{- end }}
{{- if eq .Values.dynamodb.mode "local" }}
{{- with lookup "apps/v1" "StatefulSet" .Release.Namespace (include "lea-payments.name" (list . "dynamodb" 52)) }}
{{- $claim := (first .spec.volumeClaimTemplates).spec }}
{{- $wanted := $root.Values.dynamodb.local.persistence }}
{{- $remove := printf "kubectl delete statefulset,pvc --namespace %s --selector app.kubernetes.io/instance=%s,app.kubernetes.io/component=dynamodb" $root.Release.Namespace $root.Release.Name }}
{{- if ne (include "lea-payments.bytes" $claim.resources.requests.storage) (include "lea-payments.bytes" $wanted.size) }}
- dynamodb.local.persistence.size is {{ $wanted.size }}, but the volume of {{ .metadata.name }} has {{ $claim.resources.requests.storage }}, which Kubernetes cannot change: set it back, or delete the volume with all its payments: {{ $remove }}
{{- end }}
{{- if ne (default "" $claim.storageClassName) $wanted.storageClass }}
- dynamodb.local.persistence.storageClass is {{ toJson $wanted.storageClass }}, but the volume of {{ .metadata.name }} has {{ toJson (default "" $claim.storageClassName) }}, which Kubernetes cannot change: set it back, or delete the volume with all its payments: {{ $remove }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A quantity such as 1Gi, 1024Mi or 107374182400m as a number of bytes. */}}
{{- define "lea-payments.bytes" -}}
{{- $number := regexFind "^[0-9.]+" (toString .) -}}
{{- $factors := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number (toString .)) | default 1.0) | printf "%.0f" -}}
{{- end -}}

{{/* Secrets of the values, and their keys. */}}
{{- define "lea-payments.missingSecrets" -}}
{{- $namespace := .Release.Namespace -}}
{{- $needed := include "lea-payments.neededSecrets" . | fromYaml -}}
{{- if and $needed (include "lea-payments.canLookUp" .) }}
{{- range $name, $keys := $needed }}
{{- $secret := lookup "v1" "Secret" $namespace $name }}
{{- if not $secret }}
- the Secret {{ $name }} does not exist. Create it: kubectl create secret generic {{ $name }} --namespace {{ $namespace }}
{{- range $key, $example := $keys }} --from-literal={{ $key }}={{ $example }}{{ end }}
{{- else }}
{{- range $key, $example := $keys }}
{{- if not (get ($secret.data | default dict) $key) }}
- the Secret {{ $name }} has no key {{ $key }}, or it is empty. Set it: kubectl patch secret {{ $name }} --namespace {{ $namespace }} --patch '{"stringData": {"{{ $key }}": "{{ $example }}"}}'
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The existing Secrets that pods use: for each its keys, with an example of what is in them. As YAML. */}}
{{- define "lea-payments.neededSecrets" -}}
{{- $values := .Values -}}
{{- $checkout := $values.checkout.enabled -}}
{{- $reconciler := $values.reconciler.enabled -}}
{{- $needed := dict -}}
{{- range list
  (list true $values.stripe.existingSecret $values.stripe.keys.webhookSecret "whsec_...")
  (list (or $checkout (and $reconciler (not $values.reconciler.existingSecret))) $values.stripe.existingSecret $values.stripe.keys.apiKey "rk_...")
  (list $checkout $values.checkout.existingSecret $values.checkout.keys.apiToken "$(openssl rand -hex 32)")
  (list $reconciler $values.reconciler.existingSecret $values.reconciler.keys.apiKey "rk_...")
  (list $values.notifier.enabled $values.notifier.existingSecret $values.notifier.keys.signingSecrets "whsec_$(openssl rand -base64 32)")
  (list $values.mcp.enabled $values.mcp.existingSecret $values.mcp.keys.token "$(openssl rand -hex 32)")
  (list $values.mcp.enabled $values.mcp.existingSecret $values.mcp.keys.apiToken "$(openssl rand -hex 32)")
  (list $values.mcp.enabled $values.mcp.existingSecret $values.mcp.keys.stateSecret "$(openssl rand -hex 32)") }}
{{- if and (first .) (index . 1) }}
{{- $keys := get $needed (index . 1) | default dict }}
{{- $_ := set $needed (index . 1) (set $keys (index . 2) (last .)) }}
{{- end }}
{{- end }}
{{- toYaml $needed }}
{{- end -}}

{{/* ServiceAccounts that the chart does not create. */}}
{{- define "lea-payments.missingServiceAccounts" -}}
{{- $root := . -}}
{{- $isLocal := eq .Values.dynamodb.mode "local" -}}
{{- range list
  (list "webhook" "webhook" true)
  (list "pages" "pages" true)
  (list "checkout" "checkout" .Values.checkout.enabled)
  (list "reconciler" "reconciler" .Values.reconciler.enabled)
  (list "notifier" "notifier" .Values.notifier.enabled)
  (list "mcp" "mcp" .Values.mcp.enabled)
  (list "table-init" "tableInit" .Values.tableInit.enabled)
  (list "emulator" "emulator" .Values.emulator.enabled)
  (list "dynamodb" "dynamodb.local" $isLocal)
  (list "dynamodb-admin" "dynamodb.admin" (and $isLocal .Values.dynamodb.admin.enabled)) }}
{{- $component := list $root (first .) }}
{{- if and (last .) (not (include "lea-payments.createsServiceAccount" $component)) }}
{{- $name := include "lea-payments.serviceAccountName" $component }}
{{- if and (include "lea-payments.canLookUp" $root) (not (lookup "v1" "ServiceAccount" $root.Release.Namespace $name)) }}
- the ServiceAccount {{ $name }} does not exist. Create it (kubectl create serviceaccount {{ $name }} --namespace {{ $root.Release.Namespace }}), or set {{ index . 1 }}.serviceAccount.create to true
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Classes, which belong to the whole cluster. Only with `preflight: cluster`: not everybody who installs may read them. */}}
{{- define "lea-payments.missingClasses" -}}
{{- $values := .Values -}}
{{- $named := list
  (list "storage.k8s.io/v1" "StorageClass" (eq $values.dynamodb.mode "local") $values.dynamodb.local.persistence.storageClass "dynamodb.local.persistence.storageClass")
  (list "networking.k8s.io/v1" "IngressClass" $values.webhook.ingress.enabled $values.webhook.ingress.className "webhook.ingress.className")
  (list "networking.k8s.io/v1" "IngressClass" $values.pages.ingress.enabled $values.pages.ingress.className "pages.ingress.className")
  (list "networking.k8s.io/v1" "IngressClass" (and $values.mcp.enabled $values.mcp.ingress.enabled) $values.mcp.ingress.className "mcp.ingress.className")
  (list "scheduling.k8s.io/v1" "PriorityClass" true $values.priorityClassName "priorityClassName") -}}
{{- range list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "tableInit" "emulator" }}
{{- $named = append $named (list "scheduling.k8s.io/v1" "PriorityClass" true (index $values .).priorityClassName (printf "%s.priorityClassName" .)) }}
{{- end }}
{{- range $named }}
{{- if and (index . 2) (index . 3) (not (lookup (first .) (index . 1) "" (index . 3))) (lookup "v1" "Namespace" "" "kube-system") }}
- {{ last . }} is {{ index . 3 }}, but the cluster has no {{ index . 1 }} of that name: create it, or name another
{{- end }}
{{- end }}
{{- end -}}
