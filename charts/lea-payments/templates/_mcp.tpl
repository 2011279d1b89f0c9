{{/* A cap for each currency, in minor units, as one text: `MYR=200000,SGD=100000`. Helm reads large numbers as decimals. */}}
{{- define "lea-payments.amounts" -}}
{{- $amounts := list -}}
{{- range $currency, $amount := . }}
{{- $amounts = append $amounts (printf "%s=%d" $currency (int64 $amount)) }}
{{- end }}
{{- join "," $amounts -}}
{{- end -}}

{{/* Variables of the tools for the sales agent. */}}
{{- define "lea-payments.mcpEnv" -}}
- name: MCP_CHECKOUT_URL
  value: {{ include "lea-payments.url" (list . "checkout") | quote }}
- name: PAYMENTS_API_TOKEN_FILE
  value: /run/secrets/checkout/token
- name: MCP_TOKEN_FILE
  value: /run/secrets/clients/tokens
{{ include "lea-payments.secretVariable" (dict "name" "MCP_STATE_SECRET" "secret" .Values.mcp.existingSecret "key" .Values.mcp.keys.stateSecret) }}
- name: MCP_MAX_AMOUNT
  value: {{ include "lea-payments.amounts" .Values.mcp.maxAmount | quote }}
- name: MCP_HOURLY_AMOUNT
  value: {{ include "lea-payments.amounts" .Values.mcp.hourlyAmount | quote }}
- name: MCP_HOURLY_LINKS
  value: {{ .Values.mcp.hourlyLinks | int64 | quote }}
- name: MCP_REPLICAS
  value: {{ include "lea-payments.mostPods" (list . "mcp") | quote }}
{{- end -}}

{{/* Egress rule: the checkout API. */}}
{{- define "lea-payments.checkoutEgress" -}}
{{- include "lea-payments.peerEgress" (list . "checkout") -}}
{{- end -}}

{{/* What an agent may do: only with a token, with caps, and through the checkout API. */}}
{{- define "lea-payments.mcpViolations" -}}
{{- $mcp := .Values.mcp -}}
{{- if eq (toString $mcp.enabled) "true" }}
{{- if not $mcp.existingSecret }}
- mcp.existingSecret is empty: name the Secret with the tokens of the clients, the token for checkout and the state secret, or disable mcp
{{- end }}
{{- if ne (toString .Values.checkout.enabled) "true" }}
- mcp.enabled is true, but checkout.enabled is false: the tools call the checkout API; enable it, or disable mcp
{{- end }}
{{- range $name, $caps := dict "mcp.maxAmount" $mcp.maxAmount "mcp.hourlyAmount" $mcp.hourlyAmount }}
{{- if empty $caps }}
- {{ $name }} is empty: set a cap in minor units for each currency that the agent may sell in, such as {SGD: 100000}
{{- end }}
{{- range $currency, $amount := $caps }}
{{- if or (not (regexMatch "^[A-Z]{3}$" $currency)) (lt (int64 $amount) 1) }}
- {{ $name }} has {{ $currency }}: {{ toJson $amount }}: use an ISO currency code and a whole number of minor units above 0
{{- end }}
{{- end }}
{{- end }}
{{- range $currency, $_ := $mcp.maxAmount }}
{{- if not (hasKey (default dict $mcp.hourlyAmount) $currency) }}
- mcp.maxAmount has {{ $currency }}, but mcp.hourlyAmount does not: set a cap per hour for each currency
{{- end }}
{{- end }}
{{- $pods := include "lea-payments.mostPods" (list . "mcp") | int64 }}
{{- if lt (int64 $mcp.hourlyLinks) $pods }}
- mcp.hourlyLinks is {{ toJson $mcp.hourlyLinks }}: each of {{ $pods }} pods may create its part of them, so set at least that number
{{- end }}
{{- end }}
{{- end -}}
