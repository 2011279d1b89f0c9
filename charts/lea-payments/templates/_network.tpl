{{/* NetworkPolicy peer: the pods of one component: (list $ component). */}}
{{- define "lea-payments.peer" -}}
podSelector:
  matchLabels:
    {{- include "lea-payments.selector" . | nindent 4 }}
{{- end -}}

{{/* First lines of a component's NetworkPolicy: (list $ component). It denies all traffic that no rule allows, in and out. */}}
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

{{/* Ingress rule: Prometheus may scrape the metrics. */}}
{{- define "lea-payments.metricsIngress" -}}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoringNamespace }}
  ports:
    - port: {{ include "lea-payments.port" "metrics" }}
{{- end -}}

{{/* Egress rule: DNS. Without peers there is no rule: Kubernetes would read an empty `to` as everyone. */}}
{{- define "lea-payments.dnsEgress" -}}
{{- with .Values.networkPolicy.dns -}}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end -}}
{{- end -}}

{{/* Egress rules: the table, in DynamoDB Local or on AWS. */}}
{{- define "lea-payments.tableEgress" -}}
{{- if eq .Values.dynamodb.mode "local" -}}
- to:
    - {{- include "lea-payments.peer" (list . "dynamodb") | nindent 6 }}
  ports:
    - port: {{ include "lea-payments.port" "dynamodb" }}
{{- else -}}
{{ include "lea-payments.cidrEgress" .Values.networkPolicy.awsCidrs }}
{{- if eq .Values.dynamodb.aws.identity "pod-identity" }}
# The EKS Pod Identity agent on the node, which serves the role's credentials.
- to:
    - ipBlock:
        cidr: 169.254.170.23/32
  ports:
    - port: 80
{{- end }}
{{- end -}}
{{- end -}}

{{/* Egress rule: these CIDRs, on port 443 only. Without CIDRs there is no rule. */}}
{{- define "lea-payments.cidrEgress" -}}
{{- with . -}}
- to:
    {{- range . }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
  ports:
    - port: 443
{{- end -}}
{{- end -}}

{{/* Egress rule: Stripe or the emulator. */}}
{{- define "lea-payments.stripeEgress" -}}
{{- if .Values.emulator.enabled -}}
- to:
    - {{- include "lea-payments.peer" (list . "emulator") | nindent 6 }}
  ports:
    - port: {{ include "lea-payments.port" "emulator" }}
{{- else -}}
# Stripe
{{ include "lea-payments.cidrEgress" .Values.networkPolicy.stripeCidrs }}
{{- end -}}
{{- end -}}

{{/* Egress rules shared by webhook, pages, checkout and reconciler. */}}
{{- define "lea-payments.serviceEgress" -}}
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
