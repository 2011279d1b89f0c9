{{/* Peer that is the pods of one part: (list $ part). */}}
{{- define "lea-payments.peer" -}}
podSelector:
  matchLabels:
    {{- include "lea-payments.selector" . | nindent 4 }}
{{- end -}}

{{/* Beginning of a NetworkPolicy for one part: (list $ part). Only what its rules name is allowed, both ways. */}}
{{- define "lea-payments.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "lea-payments.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lea-payments.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* Ingress rule for the metrics. */}}
{{- define "lea-payments.metricsIngress" -}}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoringNamespace }}
  ports:
    - port: 9464
{{- end -}}

{{/* Egress rule for DNS. */}}
{{- define "lea-payments.dnsEgress" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end -}}

{{/* Egress rules to the table, wherever it is. */}}
{{- define "lea-payments.tableEgress" -}}
{{- if eq .Values.dynamodb.mode "local" -}}
- to:
    - {{- include "lea-payments.peer" (list . "dynamodb") | nindent 6 }}
  ports:
    - port: 8000
{{- else -}}
{{ include "lea-payments.cidrEgress" .Values.networkPolicy.awsCidrs }}
{{- if eq .Values.dynamodb.aws.identity "pod-identity" }}
# The agent on each node that hands out the role's credentials.
- to:
    - ipBlock:
        cidr: 169.254.170.23/32
  ports:
    - port: 80
{{- end }}
{{- end -}}
{{- end -}}

{{/* Egress rule to addresses, at port 443 only. */}}
{{- define "lea-payments.cidrEgress" -}}
- to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - port: 443
{{- end -}}

{{/* Egress rule to Stripe, or to what stands in for it. */}}
{{- define "lea-payments.stripeEgress" -}}
{{- if .Values.emulator.enabled -}}
- to:
    - {{- include "lea-payments.peer" (list . "emulator") | nindent 6 }}
  ports:
    - port: 8087
{{- else -}}
# Stripe
{{ include "lea-payments.cidrEgress" .Values.networkPolicy.stripeCidrs }}
{{- end -}}
{{- end -}}

{{/* Egress rules that webhook, pages, checkout and reconciler share. */}}
{{- define "lea-payments.partEgress" -}}
{{ include "lea-payments.dnsEgress" . }}
{{ include "lea-payments.tableEgress" . }}
{{- with .Values.otlp }}
{{- if .endpoint }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace }}
  ports:
    - port: {{ regexFind ":[0-9]+$" (urlParse .endpoint).host | trimPrefix ":" | default (hasPrefix "https:" .endpoint | ternary "443" "80") }}
{{- end }}
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
