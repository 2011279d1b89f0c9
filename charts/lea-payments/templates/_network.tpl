{{/* NetworkPolicy peer: the pods of one component: (list $ component). */}}
{{- define "lea-payments.peer" -}}
podSelector:
  matchLabels:
    {{- include "lea-payments.selector" . | nindent 4 }}
{{- end -}}

{{/* First lines of a component's NetworkPolicy: (list $ component), and as a third item annotations. It denies all traffic that no rule allows, in and out. */}}
{{- define "lea-payments.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "lea-payments.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lea-payments.selector" (list (first .) (index . 1)) | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* Ingress rule: Prometheus may scrape the metrics. */}}
{{- define "lea-payments.metricsIngress" -}}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoringNamespace | quote }}
  ports:
    - port: {{ include "lea-payments.port" "metrics" }}
{{- end -}}

{{/* Egress rule: DNS, if there are peers that answer it. A rule without peers would open its ports to everyone. */}}
{{- define "lea-payments.dnsEgress" -}}
{{- with .Values.networkPolicy.dns -}}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    {{- range $.Values.networkPolicy.dnsPorts | default (list 53) }}
    - port: {{ . }}
      protocol: UDP
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end -}}
{{- end -}}

{{/* Egress rules from the values: (list $ component). Those at the top level are for the pods that run `image`. */}}
{{- define "lea-payments.extraEgress" -}}
{{- $own := (include "lea-payments.section" . | fromJson).extraEgress | default list -}}
{{- $isOwnImage := has (last .) (list "webhook" "pages" "checkout" "reconciler" "notifier" "mcp" "table-init" "test") -}}
{{- with concat ($isOwnImage | ternary (first .).Values.networkPolicy.extraEgress list | default list) $own -}}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{/* Egress rules: the table, in DynamoDB Local or on AWS. */}}
{{- define "lea-payments.tableEgress" -}}
{{- if eq .Values.dynamodb.mode "local" -}}
{{- include "lea-payments.peerEgress" (list . "dynamodb") -}}
{{- else -}}
{{ include "lea-payments.cidrEgress" .Values.networkPolicy.awsCidrs }}
{{- if eq .Values.dynamodb.aws.identity "pod-identity" }}
# The EKS Pod Identity agent on the node, which serves the role's credentials.
- to:
    {{- include "lea-payments.familyBlocks" (list . "169.254.170.23/32" "fd00:ec2::23/128") | nindent 4 }}
  ports:
    - port: 80
{{- end }}
{{- end -}}
{{- end -}}

{{/*
Peers of the address families in use: (list $ ipv4 ipv6), one CIDR of each. The families are those of `networkPolicy.awsCidrs`: Amazon's
VPC CNI from before November 2024 applies no rule of a policy with addresses of a family that the cluster does not have.
*/}}
{{- define "lea-payments.familyBlocks" -}}
{{- $cidrs := (first .).Values.networkPolicy.awsCidrs -}}
{{- $ipv6 := list -}}
{{- range $cidrs }}
{{- if contains ":" . }}
{{- $ipv6 = append $ipv6 . }}
{{- end }}
{{- end }}
{{- if or (not $ipv6) (lt (len $ipv6) (len $cidrs)) }}
- ipBlock:
    cidr: {{ index . 1 | quote }}
{{- end }}
{{- if $ipv6 }}
- ipBlock:
    cidr: {{ index . 2 | quote }}
{{- end }}
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
{{- include "lea-payments.peerEgress" (list . "emulator") -}}
{{- else -}}
# Stripe
{{ include "lea-payments.cidrEgress" .Values.networkPolicy.stripeCidrs }}
{{- end -}}
{{- end -}}

{{/* Egress rule: the collector of the traces, if there is one. */}}
{{- define "lea-payments.otlpEgress" -}}
{{- with .Values.otlp }}
{{- if .endpoint -}}
- to:
    {{- if and (contains "$(" .endpoint) (not .cidrs) }}
    # The address is known only in the pod, such as that of its node.
    {{- include "lea-payments.familyBlocks" (list $ "0.0.0.0/0" "::/0") | nindent 4 }}
    {{- else if .cidrs }}
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . | quote }}
    {{- end }}
    {{- else }}
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace | quote }}
    {{- end }}
  ports:
    - port: {{ regexFind ":[0-9]+(/|$)" .endpoint | trimPrefix ":" | trimSuffix "/" | default (hasPrefix "https:" .endpoint | ternary "443" "80") }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Egress rule: one component of the release: (list $ component). */}}
{{- define "lea-payments.peerEgress" -}}
- to:
    - {{- include "lea-payments.peer" . | nindent 6 }}
  ports:
    - port: {{ include "lea-payments.port" (last .) }}
{{- end -}}

{{/* Egress rules of a component: (list $ component rules). Each rule is one above, without the `Egress` of its name. */}}
{{- define "lea-payments.egress" -}}
{{- $root := first . -}}
{{- $rules := list -}}
{{- range last . }}
{{- $rules = append $rules (include (printf "lea-payments.%sEgress" .) $root) }}
{{- end }}
{{- append $rules (include "lea-payments.extraEgress" (initial .)) | compact | join "\n" -}}
{{- end -}}
