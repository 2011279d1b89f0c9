{{/* What the schema cannot say in words: variables that may not be given by hand. */}}
{{- define "lea-payments.checks" -}}
{{- $ours := list "PORT" "METRICS_PORT" "LOG_LEVEL" "AWS_REGION" "DYNAMODB_PAYMENTS_TABLE" "DDB_ENDPOINT"
  "STRIPE_WEBHOOK_SECRET" "STRIPE_WEBHOOK_SECRET_FILE" "STRIPE_LIVEMODE" "STRIPE_SECRET_KEY" "STRIPE_API_BASE"
  "PAYMENTS_API_TOKEN" "PAGES_BASE_URL" "RECONCILER_INTERVAL_SECONDS" -}}
{{- $keys := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" -}}
{{- $otlp := list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_TRACES_SAMPLER_ARG" -}}
{{- range $where, $part := dict "extraEnv" .Values "webhook.extraEnv" .Values.webhook "pages.extraEnv" .Values.pages "checkout.extraEnv" .Values.checkout "reconciler.extraEnv" .Values.reconciler }}
{{- $names := dict }}
{{- range $part.extraEnv }}
{{- if has .name $keys }}
{{- fail (printf "%s sets %s: AWS keys are never given; use a role (serviceAccount.annotations)" $where .name) }}
{{- end }}
{{- if has .name $ours }}
{{- fail (printf "%s sets %s, which the chart sets itself: use the chart's value for it" $where .name) }}
{{- end }}
{{- if and (has .name $otlp) $.Values.otlp.endpoint }}
{{- fail (printf "%s sets %s, which otlp sets already: use one of the two" $where .name) }}
{{- end }}
{{- if hasKey $names .name }}
{{- fail (printf "%s sets %s twice" $where .name) }}
{{- end }}
{{- $_ := set $names .name true }}
{{- end }}
{{- if ne $where "extraEnv" }}
{{- range $.Values.extraEnv }}
{{- if hasKey $names .name }}
{{- fail (printf "extraEnv and %s both set %s" $where .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- $emulators := list "PORT" "LOG_LEVEL" "EMULATOR_PUBLIC_URL" "EMULATOR_WEBHOOK_URL" "EMULATOR_WEBHOOK_SECRET" }}
{{- range .Values.emulator.extraEnv }}
{{- if has .name $emulators }}
{{- fail (printf "emulator.extraEnv sets %s, which the chart sets itself: use the chart's value for it" .name) }}
{{- end }}
{{- end }}
{{- range $where, $part := dict "webhook" .Values.webhook "pages" .Values.pages "checkout" .Values.checkout }}
{{- if gt (int $part.autoscaling.minReplicas) (int $part.autoscaling.maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas %v is more than maxReplicas %v" $where $part.autoscaling.minReplicas $part.autoscaling.maxReplicas) }}
{{- end }}
{{- end }}
{{- end -}}
