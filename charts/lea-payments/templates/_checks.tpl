{{/* Rules that values.schema.json cannot express. Each failure names the value and what to do. */}}
{{- define "lea-payments.checks" -}}
{{- range list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "tableInit" "test" }}
{{- include "lea-payments.checkVariables" (list $ (printf "%s.extraEnv" .) (index $.Values .).extraEnv) }}
{{- end }}
{{- include "lea-payments.checkVariables" (list $ "extraEnv" .Values.extraEnv) }}
{{- include "lea-payments.checkEmulatorVariables" . }}
{{- include "lea-payments.checkExtraEgress" . }}
{{- include "lea-payments.checkSecretKeys" . }}
{{- include "lea-payments.checkServiceAccounts" . }}
{{- include "lea-payments.checkPodNames" . }}
{{- range list "webhook" "pages" "checkout" "notifier" "mcp" }}
{{- include "lea-payments.checkAutoscaling" (list $ .) }}
{{- end }}
{{- range list "webhook" "pages" "checkout" "mcp" }}
{{- include "lea-payments.checkExposure" (list $ .) }}
{{- end }}
{{- end -}}

{{/* Rejects variables of the services that the chart sets itself, AWS keys and duplicates: (list $ name variables). */}}
{{- define "lea-payments.checkVariables" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $reserved := list "PORT" "METRICS_PORT" "LOG_LEVEL" "DRAIN_SECONDS" "AWS_REGION" "DYNAMODB_PAYMENTS_TABLE" "DDB_ENDPOINT"
  "STRIPE_WEBHOOK_SECRET" "STRIPE_WEBHOOK_SECRET_FILE" "STRIPE_LIVEMODE" "STRIPE_SECRET_KEY" "STRIPE_SECRET_KEY_FILE" "STRIPE_API_BASE"
  "PAYMENTS_API_TOKEN" "PAYMENTS_API_TOKEN_FILE" "PAGES_BASE_URL" "RECONCILER_INTERVAL_SECONDS" "DELIVERY_DEADLINE_SECONDS"
  "OTEL_RESOURCE_ATTRIBUTES_NAMESPACE" "OTEL_RESOURCE_ATTRIBUTES_NODE_NAME" "OTEL_RESOURCE_ATTRIBUTES_POD_NAME"
  "POD_RESOURCE_ATTRIBUTES"
  "NOTIFICATIONS" "NOTIFY_URL" "NOTIFY_SECRET" "NOTIFY_SECRET_FILE" "NOTIFY_EVENTS" "NOTIFY_ALLOW_HTTP"
  "MCP_CHECKOUT_URL" "MCP_TOKEN" "MCP_TOKEN_FILE" "MCP_STATE_SECRET" "MCP_MAX_AMOUNT" "MCP_HOURLY_AMOUNT" "MCP_HOURLY_LINKS" "MCP_REPLICAS"
  "PAGES_BRAND_NAME" "PAGES_LOGO" "PAGES_SUPPORT_CONTACT" "PAGES_CONVERSATION_URL" "PAGES_NEXT_STEPS" "PAGES_TIME_ZONE" -}}
{{- $awsKeys := list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" -}}
{{- $otlp := list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_TRACES_SAMPLER_ARG" -}}
{{- $names := dict }}
{{- range index . 2 }}
{{- if has .name $awsKeys }}
{{- fail (printf "%s sets %s: AWS keys are not allowed; use a role (serviceAccount.annotations)" $name .name) }}
{{- end }}
{{- if has .name $reserved }}
{{- fail (printf "%s sets %s, which the chart sets itself: use the chart's value for it" $name .name) }}
{{- end }}
{{- if and (has .name $otlp) $root.Values.otlp.endpoint }}
{{- fail (printf "%s sets %s, which otlp sets already: use one of the two" $name .name) }}
{{- end }}
{{- if hasKey $names .name }}
{{- fail (printf "%s sets %s twice: remove one of them" $name .name) }}
{{- end }}
{{- $_ := set $names .name true }}
{{- end }}
{{- if ne $name "extraEnv" }}
{{- range $root.Values.extraEnv }}
{{- if and (hasKey $names .name) (ne .name "OTEL_RESOURCE_ATTRIBUTES") }}
{{- fail (printf "extraEnv and %s both set %s: remove one of them" $name .name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Rejects variables of the emulator that the chart sets itself. */}}
{{- define "lea-payments.checkEmulatorVariables" -}}
{{- $reserved := list "PORT" "LOG_LEVEL" "EMULATOR_PUBLIC_URL" "EMULATOR_WEBHOOK_URL" "EMULATOR_WEBHOOK_SECRET" }}
{{- range .Values.emulator.extraEnv }}
{{- if has .name $reserved }}
{{- fail (printf "emulator.extraEnv sets %s, which the chart sets itself: use the chart's value for it" .name) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Rejects a smallest number of pods above the largest: (list $ service). */}}
{{- define "lea-payments.checkAutoscaling" -}}
{{- $scaling := (include "lea-payments.serviceValues" . | fromJson).autoscaling }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas %v is more than maxReplicas %v: change one of them" (last .) $scaling.minReplicas $scaling.maxReplicas) }}
{{- end }}
{{- end -}}

{{/* Rejects a Service that is reachable without an ingress, unless that is acknowledged: (list $ service). */}}
{{- define "lea-payments.checkExposure" -}}
{{- $service := (include "lea-payments.serviceValues" . | fromJson).service }}
{{- if and (ne $service.type "ClusterIP") (not $service.acknowledgeExposure) }}
{{- fail (printf "%[1]s.service.type is %[2]s: without an ingress nothing ends TLS, and nothing limits the connections and requests of one address (SECURITY.md); use ClusterIP with an Ingress or HTTPRoute, or set %[1]s.service.acknowledgeExposure to true" (last .) $service.type) }}
{{- end }}
{{- end -}}

{{/* Rejects own rules that Kubernetes would read as everyone. */}}
{{- define "lea-payments.checkExtraEgress" -}}
{{- $rules := dict "networkPolicy" .Values.networkPolicy.extraEgress "dynamodb.local" .Values.dynamodb.local.extraEgress
  "dynamodb.admin" .Values.dynamodb.admin.extraEgress }}
{{- range list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "tableInit" "emulator" "test" }}
{{- $_ := set $rules . (index $.Values .).extraEgress }}
{{- end }}
{{- range $section, $ofSection := $rules }}
{{- range $ofSection }}
{{- if and (hasKey . "to") (empty .to) }}
{{- fail (printf "%s.extraEgress has a rule with an empty `to`, which Kubernetes reads as everyone: name its peers, or remove `to` if you mean everyone" $section) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Rejects two secrets under one key of one Secret: pods would get one of them for both. */}}
{{- define "lea-payments.checkSecretKeys" -}}
{{- $keys := dict }}
{{- $mcp := .Values.mcp }}
{{- range $name, $place := dict
  "stripe.keys.webhookSecret" (list (include "lea-payments.stripeSecret" .) .Values.stripe.keys.webhookSecret)
  "stripe.keys.apiKey" (list (include "lea-payments.stripeSecret" .) .Values.stripe.keys.apiKey)
  "checkout.keys.apiToken" (list (include "lea-payments.checkoutSecret" .) .Values.checkout.keys.apiToken)
  "notifier.keys.signingSecrets" (list (default "" .Values.notifier.existingSecret) .Values.notifier.keys.signingSecrets)
  "mcp.keys.token" (list (default "" $mcp.existingSecret) $mcp.keys.token)
  "mcp.keys.apiToken" (list (default "" $mcp.existingSecret) $mcp.keys.apiToken)
  "mcp.keys.stateSecret" (list (default "" $mcp.existingSecret) $mcp.keys.stateSecret) }}
{{- with get $keys ($place | join "/") }}
{{- fail (printf "%s and %s are both %s in the Secret %s: they are different secrets, so give each its own key" . $name (last $place) (first $place)) }}
{{- end }}
{{- $_ := set $keys ($place | join "/") $name }}
{{- end }}
{{- end -}}
