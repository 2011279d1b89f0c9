{{/* Hook annotations of the test's pod. Helm prints the log itself, since the pod is gone when `helm test --logs` asks for it. */}}
{{- define "lea-payments.testHook" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
{{- end -}}

{{/* The service whose role and keys `lea-payments check` uses: the reconciler, which has a key, or the webhook. */}}
{{- define "lea-payments.checkedService" -}}
{{- .Values.reconciler.enabled | ternary "reconciler" "webhook" -}}
{{- end -}}

{{/* Variables with what `lea-payments check` compares with Stripe. */}}
{{- define "lea-payments.testSecrets" -}}
- name: STRIPE_LIVEMODE
  value: {{ .Values.stripe.livemode | quote }}
{{- with .Values.stripe.account }}
- name: STRIPE_ACCOUNT
  value: {{ . | quote }}
{{- end }}
{{ include "lea-payments.secretVariable" (dict "name" "STRIPE_WEBHOOK_SECRET" "secret" (include "lea-payments.stripeSecret" .) "key" .Values.stripe.keys.webhookSecret) }}
{{- if .Values.reconciler.enabled }}
{{ include "lea-payments.reconcilerKey" . }}
{{- end }}
{{- end -}}
