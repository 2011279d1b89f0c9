{{/*
Name of a component's ServiceAccount: (list $ component). Without a name, one that is not created is the namespace's default.
The test borrows one on AWS, because `check` needs a role.
*/}}
{{- define "lea-payments.serviceAccountName" -}}
{{- $account := (include "lea-payments.section" . | fromJson).serviceAccount | default dict -}}
{{- if $account.name -}}
{{- $account.name -}}
{{- else if include "lea-payments.createsServiceAccount" . -}}
{{- include "lea-payments.name" . -}}
{{- else if and (eq (last .) "test") (eq (first .).Values.dynamodb.mode "aws") (first .).Values.test.check -}}
{{- include "lea-payments.serviceAccountName" (list (first .) (include "lea-payments.checkedService" (first .))) -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* Text if the chart creates a component's ServiceAccount: (list $ component). */}}
{{- define "lea-payments.createsServiceAccount" -}}
{{- $account := (include "lea-payments.section" . | fromJson).serviceAccount | default dict -}}
{{- if ne (toString $account.create) "false" }}true{{ end }}
{{- end -}}

{{/* ServiceAccount of a component, if the chart creates it: (list $ component), and as a third item more annotations. */}}
{{- define "lea-payments.serviceAccount" -}}
{{- $component := list (first .) (index . 1) -}}
{{- if include "lea-payments.createsServiceAccount" $component -}}
{{- $account := (include "lea-payments.section" $component | fromJson).serviceAccount | default dict -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "lea-payments.serviceAccountName" $component | quote }}
  namespace: {{ (first .).Release.Namespace | quote }}
  labels:
    {{- include "lea-payments.labels" $component | nindent 4 }}
  {{- with include "lea-payments.annotations" (list (first .) (prepend (slice . 2) $account.annotations)) }}
  {{- . | nindent 2 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{/* Rejects two ServiceAccounts of one name: Helm would create only one of them, with one role for both. */}}
{{- define "lea-payments.checkServiceAccounts" -}}
{{- $owners := dict -}}
{{- range $component := list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "table-init" "emulator" "dynamodb" "dynamodb-admin" "test" }}
{{- if include "lea-payments.createsServiceAccount" (list $ $component) }}
{{- $name := include "lea-payments.serviceAccountName" (list $ $component) }}
{{- with get $owners $name }}
{{- fail (printf "%s and %s both create the ServiceAccount %s: give each its own serviceAccount.name, or set serviceAccount.create to false for a shared one" . $component $name) }}
{{- end }}
{{- $_ := set $owners $name $component }}
{{- end }}
{{- end }}
{{- end -}}
