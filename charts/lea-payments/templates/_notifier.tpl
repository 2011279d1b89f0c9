{{/* Variable that makes a service write which notifications are due. There is none if no notifier would read that. */}}
{{- define "lea-payments.notificationVariables" -}}
{{- if .Values.notifier.enabled }}
- name: NOTIFICATIONS
  value: "true"
{{- end }}
{{- end -}}

{{/* Variables of the notifier: its endpoints, `name=url`, and the event types of those that do not get all of them. */}}
{{- define "lea-payments.notifierEnv" -}}
{{- $urls := list -}}
{{- $events := list -}}
{{- range $endpoint := .Values.notifier.endpoints }}
{{- $urls = append $urls (printf "%s=%s" .name .url) }}
{{- with .events }}
{{- $events = append $events (printf "%s=%s" $endpoint.name (join "|" .)) }}
{{- end }}
{{- end -}}
- name: NOTIFY_URL
  value: {{ join "," $urls | quote }}
- name: NOTIFY_SECRET_FILE
  value: /run/secrets/notifier/signing-secrets
{{- with $events }}
- name: NOTIFY_EVENTS
  value: {{ join "," . | quote }}
{{- end }}
{{- if .Values.notifier.allowHttp }}
- name: NOTIFY_ALLOW_HTTP
  value: "true"
{{- end }}
{{- end -}}

{{/* Port of a URL: the one that it names, or that of its scheme. */}}
{{- define "lea-payments.urlPort" -}}
{{- regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default (hasPrefix "https:" . | ternary "443" "80") -}}
{{- end -}}

{{/* Egress rule: the receivers of notifications, on the ports of their URLs. Without CIDRs there is no rule. */}}
{{- define "lea-payments.receiversEgress" -}}
{{- with .Values.notifier.egressCidrs -}}
{{- $ports := list -}}
{{- range $.Values.notifier.endpoints }}
{{- $ports = append $ports (include "lea-payments.urlPort" .url) }}
{{- end -}}
- to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . | quote }}
        {{- with get (dict "0.0.0.0/0" "169.254.0.0/16" "::/0" "fe80::/10") . }}
        # Addresses of the node itself, such as the one that serves its credentials.
        except: [{{ . | quote }}]
        {{- end }}
    {{- end }}
  ports:
    {{- range $ports | uniq | sortAlpha }}
    - port: {{ . }}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* Which receivers: named URLs, by https, with signing secrets, and on addresses that the NetworkPolicy allows. */}}
{{- define "lea-payments.notifierViolations" -}}
{{- $notifier := .Values.notifier -}}
{{- if eq (toString $notifier.enabled) "true" }}
{{- if empty $notifier.endpoints }}
- notifier.endpoints is empty: name at least one receiver, `{name: orders, url: https://orders.example.com/payments}`, or disable the notifier
{{- end }}
{{- if not $notifier.existingSecret }}
- notifier.existingSecret is empty: name the Secret with the signing secrets of the receivers, or disable the notifier
{{- end }}
{{- $names := list }}
{{- range $notifier.endpoints }}
{{- if has .name $names }}
- notifier.endpoints has the name {{ toJson .name }} twice: give each receiver its own
{{- end }}
{{- $names = append $names .name }}
{{- if not (regexMatch "^[a-z][a-z0-9-]{0,29}$" (toString .name)) }}
- notifier.endpoints has the name {{ toJson .name }}: use a-z, 0-9 and -, at most 30 characters
{{- end }}
{{- if not (regexMatch "^https?://[^ ,@|/?#]+([/?][^ ,|#]*)?$" (toString .url)) }}
- the URL of notifier.endpoints {{ toJson .name }} is {{ toJson .url }}: use a URL such as https://orders.example.com/payments, without a user, a comma or a fragment
{{- else if and (hasPrefix "http:" (toString .url)) (ne (toString $notifier.allowHttp) "true") }}
- the URL of notifier.endpoints {{ toJson .name }} is {{ toJson .url }}: start it with https://, or set notifier.allowHttp to true in development
{{- end }}
{{- end }}
{{- if and (eq (toString $notifier.allowHttp) "true") (eq (toString .Values.dynamodb.mode) "aws") }}
- notifier.allowHttp is true in aws mode: notifications hold payment data, so set it to false and use https
{{- end }}
{{- if and (eq (toString .Values.networkPolicy.enabled) "true") (empty $notifier.egressCidrs) (empty $notifier.extraEgress) (empty .Values.networkPolicy.extraEgress) }}
- notifier.egressCidrs is empty: list the CIDRs of the receivers, because the NetworkPolicy allows the notifier no others (notifier.extraEgress is for receivers in the cluster)
{{- end }}
{{- end }}
{{- end -}}
