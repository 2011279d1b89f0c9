{{/* Values of a service with any number of pods on top of `serviceDefaults`, as JSON: (list $ service). */}}
{{- define "lea-payments.serviceValues" -}}
{{- $values := (first .).Values -}}
{{- toJson (mergeOverwrite (deepCopy (default dict $values.serviceDefaults)) (deepCopy (index $values (last .)))) -}}
{{- end -}}

{{/* Name of the Secret with the signing secrets and the API key. */}}
{{- define "lea-payments.stripeSecret" -}}
{{- default (include "lea-payments.name" (list . "emulator")) .Values.stripe.existingSecret -}}
{{- end -}}

{{/* Name of the Secret with the tokens of the checkout API's callers. */}}
{{- define "lea-payments.checkoutSecret" -}}
{{- default (include "lea-payments.name" (list . "emulator")) .Values.checkout.existingSecret -}}
{{- end -}}

{{/* Checksum of the emulator's Secret, so that pods restart when it changes. Empty without the emulator. */}}
{{- define "lea-payments.emulatorSecretChecksum" -}}
{{- if .Values.emulator.enabled -}}
{{- printf "%s/%s/%s" .Values.emulator.webhookSecret .Values.emulator.apiKey .Values.emulator.apiToken | sha256sum | trunc 16 -}}
{{- end -}}
{{- end -}}

{{/* A variable from a Secret: (dict "name" "secret" "key"). */}}
{{- define "lea-payments.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret | quote }}
      key: {{ .key | quote }}
{{- end -}}

{{/* URL of DynamoDB Local; empty in aws mode. */}}
{{- define "lea-payments.tableEndpoint" -}}
{{- if eq .Values.dynamodb.mode "local" -}}
{{ include "lea-payments.url" (list . "dynamodb") }}
{{- end -}}
{{- end -}}

{{/* Variables that locate the table. */}}
{{- define "lea-payments.tableVariables" -}}
- name: AWS_REGION
  value: {{ .Values.dynamodb.region | quote }}
- name: DYNAMODB_PAYMENTS_TABLE
  value: {{ .Values.dynamodb.table | quote }}
- name: DDB_ENDPOINT
  value: {{ include "lea-payments.tableEndpoint" . | quote }}
{{- end -}}

{{/* Variables that locate Stripe: none for Stripe itself, one for the emulator. */}}
{{- define "lea-payments.stripeVariables" -}}
{{- if .Values.emulator.enabled -}}
- name: STRIPE_API_BASE
  value: {{ include "lea-payments.url" (list . "emulator") | quote }}
{{- end -}}
{{- end -}}

{{/* The variable with the origins to which customers may return, for checkout and pages. Begins with a line break. */}}
{{- define "lea-payments.returnUrlOrigins" -}}
{{- with .Values.pages.returnUrlOrigins }}
- name: RETURN_URL_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- end -}}
