{{/*
Rules that protect money. values.schema.json has them too, but `--skip-schema-validation` skips it and old versions of Helm
ignore parts of it, so these rules hold without it. All violations are reported together.
*/}}
{{- define "lea-payments.guards" -}}
{{- with include "lea-payments.violations" . | trim }}
{{- fail (printf "these values are not safe:\n%s" .) }}
{{- end }}
{{- end -}}

{{/* One line for each violated rule. */}}
{{- define "lea-payments.violations" -}}
{{ include "lea-payments.switchViolations" . }}
{{ include "lea-payments.stripeViolations" . }}
{{ include "lea-payments.tableViolations" . }}
{{ include "lea-payments.publicUrlViolations" . }}
{{ include "lea-payments.notifierViolations" . }}
{{ include "lea-payments.mcpViolations" . }}
{{- end -}}

{{/* Switches are true or false: the text "false" would count as true. */}}
{{- define "lea-payments.switchViolations" -}}
{{- $values := .Values -}}
{{- $switches := dict
  "stripe.livemode" $values.stripe.livemode
  "emulator.enabled" $values.emulator.enabled
  "checkout.enabled" $values.checkout.enabled
  "reconciler.enabled" $values.reconciler.enabled
  "notifier.enabled" $values.notifier.enabled
  "notifier.allowHttp" $values.notifier.allowHttp
  "mcp.enabled" $values.mcp.enabled
  "tableInit.enabled" $values.tableInit.enabled
  "networkPolicy.enabled" $values.networkPolicy.enabled
-}}
{{- range $name, $value := $switches }}
{{- if not (kindIs "bool" $value) }}
- {{ $name }} is {{ toJson $value }}: set it to true or false, without quotation marks
{{- end }}
{{- end }}
{{- end -}}

{{/* Which Stripe: the emulator with secrets that everybody knows, or Stripe with existing Secrets. */}}
{{- define "lea-payments.stripeViolations" -}}
{{- $values := .Values -}}
{{- $emulator := eq (toString $values.emulator.enabled) "true" -}}
{{- if and $emulator (eq (toString $values.stripe.livemode) "true") }}
- stripe.livemode is true, but emulator.enabled too: the emulator has no live mode; disable one of them
{{- end }}
{{- if not (regexMatch "^(acct_[A-Za-z0-9_]+)?$" (toString $values.stripe.account)) }}
- stripe.account is {{ toJson $values.stripe.account }}: use your account's id, acct_…, or leave it empty
{{- end }}
{{- if $emulator }}
{{- if not (regexMatch "^sk_test_[A-Za-z0-9_]+$" (toString $values.emulator.apiKey)) }}
- emulator.apiKey does not start with sk_test_: never give the emulator a key of Stripe
{{- end }}
{{- if not (regexMatch "^whsec_[A-Za-z0-9]{32,}$" (toString $values.emulator.webhookSecret)) }}
- emulator.webhookSecret is not whsec_ and at least 32 letters and digits
{{- end }}
{{- if not (regexMatch "^(demo-token|[A-Za-z0-9._~+/-]{16,}=*)$" (toString $values.emulator.apiToken)) }}
- emulator.apiToken is neither demo-token nor at least 16 letters, digits and ._~+/-
{{- end }}
{{- else }}
{{- if not $values.stripe.existingSecret }}
- stripe.existingSecret is empty: name the Secret with Stripe's signing secrets and API key, or enable the emulator for development
{{- end }}
{{- if and $values.checkout.enabled (not $values.checkout.existingSecret) }}
- checkout.existingSecret is empty: name the Secret with the tokens of the API's callers, or disable checkout
{{- end }}
{{- end }}
{{- end -}}

{{/* Which table: DynamoDB Local for development, or AWS with roles. */}}
{{- define "lea-payments.tableViolations" -}}
{{- $values := .Values -}}
{{- $mode := toString $values.dynamodb.mode -}}
{{- if not (has $mode (list "local" "aws")) }}
- dynamodb.mode is {{ toJson $values.dynamodb.mode }}: set it to local or aws
{{- end }}
{{- if and (ne $mode "aws") (eq (toString $values.stripe.livemode) "true") }}
- stripe.livemode is true, but dynamodb.mode is not aws: live payments need DynamoDB on AWS; set dynamodb.mode to aws
{{- end }}
{{- if eq $mode "aws" }}
{{- if eq (toString $values.emulator.enabled) "true" }}
- emulator.enabled is true in aws mode: everybody knows its secrets; set emulator.enabled to false
{{- end }}
{{- $identity := toString $values.dynamodb.aws.identity }}
{{- if eq $identity "irsa" }}
{{- include "lea-payments.roleViolations" . }}
{{- else if ne $identity "pod-identity" }}
- dynamodb.aws.identity is {{ toJson $identity }}: set it to irsa or pod-identity
{{- end }}
{{- end }}
{{- end -}}

{{/* With irsa, each pod gets its credentials from the role of its ServiceAccount. One that exists has its annotations already. */}}
{{- define "lea-payments.roleViolations" -}}
{{- range list "webhook" "pages" "checkout" "reconciler" "notifier" "tableInit" }}
{{- $values := index $.Values . }}
{{- $role := get (default dict $values.serviceAccount.annotations) "eks.amazonaws.com/role-arn" | toString }}
{{- $needsNone := or (eq (toString $values.enabled) "false") (eq (toString $values.serviceAccount.create) "false") }}
{{- if not (or $needsNone (regexMatch "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+" $role)) }}
- {{ . }}.serviceAccount.annotations has no role: set eks.amazonaws.com/role-arn to arn:aws:iam::ACCOUNT:role/NAME
{{- end }}
{{- end }}
{{- end -}}

{{/* Where customers' browsers go: to one host, on AWS by https. */}}
{{- define "lea-payments.publicUrlViolations" -}}
{{- $url := toString .Values.pages.publicUrl -}}
{{- if contains "*" $url }}
- pages.publicUrl is {{ toJson $url }}: a link needs one host, such as https://pay.example.com, also where an ingress has a wildcard
{{- else if not (regexMatch "^https?://[^ ]+[^ /]$" $url) }}
- pages.publicUrl is {{ toJson $url }}: use a URL such as https://pay.example.com, without a slash at the end
{{- else if and (eq (toString .Values.dynamodb.mode) "aws") (not (hasPrefix "https://" $url)) }}
- pages.publicUrl is {{ toJson $url }}: in aws mode the pages are served by https, so start it with https://
{{- end }}
{{- end -}}
