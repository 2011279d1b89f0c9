{{/* Deployment of a part: what lea-payments.pod takes. */}}
{{- define "lea-payments.deployment" -}}
{{- $values := index .root.Values .part -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "lea-payments.selector" (list .root .part) | nindent 6 }}
  template:
    {{- include "lea-payments.pod" . | nindent 4 }}
{{- end -}}

{{/* Service of a part; its metrics are behind a Service of their own: (dict "root" "part" "port"). */}}
{{- define "lea-payments.service" -}}
{{- $values := index .root.Values .part -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
  {{- with $values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $values.service.type }}
  selector:
    {{- include "lea-payments.selector" (list .root .part) | nindent 4 }}
  ports:
    - name: http
      port: {{ .port }}
      targetPort: http
      appProtocol: http
{{- end -}}

{{/* ServiceAccount of a part: (dict "root" "part" "annotations"). */}}
{{- define "lea-payments.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{/* HorizontalPodAutoscaler of a part, when it scales by itself: (dict "root" "part"). */}}
{{- define "lea-payments.horizontalPodAutoscaler" -}}
{{- $scaling := (index .root.Values .part).autoscaling -}}
{{- if $scaling.enabled -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "lea-payments.fullname" .root }}-{{ .part }}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $scaling.targetCPUUtilizationPercentage }}
  {{- with $scaling.behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* PodDisruptionBudget of a part that has two pods at least: (dict "root" "part"). */}}
{{- define "lea-payments.podDisruptionBudget" -}}
{{- $values := index .root.Values .part -}}
{{- $fewest := $values.autoscaling.enabled | ternary $values.autoscaling.minReplicas $values.replicas -}}
{{- if and $values.podDisruptionBudget.enabled (gt (int $fewest) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
spec:
  maxUnavailable: {{ $values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "lea-payments.selector" (list .root .part) | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* Ingress of a part: (dict "root" "part" "paths"), each path with path and pathType. */}}
{{- define "lea-payments.ingress" -}}
{{- $ingress := (index .root.Values .part).ingress -}}
{{- if $ingress.enabled -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
  {{- with $ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with $ingress.tlsSecret }}
  tls:
    - hosts: [{{ $ingress.host }}]
      secretName: {{ . }}
  {{- end }}
  rules:
    - host: {{ $ingress.host }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ . }}
            pathType: Exact
            backend:
              service:
                name: {{ include "lea-payments.fullname" $.root }}-{{ $.part }}
                port:
                  name: http
          {{- end }}
{{- end -}}
{{- end -}}

{{/* HTTPRoute of a part: (dict "root" "part" "port" "paths"). */}}
{{- define "lea-payments.httpRoute" -}}
{{- $route := (index .root.Values .part).httpRoute -}}
{{- if $route.enabled -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "lea-payments.metadata" (list .root .part) | nindent 2 }}
spec:
  parentRefs:
    {{- toYaml $route.parentRefs | nindent 4 }}
  {{- with $route.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        {{- range .paths }}
        - path:
            type: Exact
            value: {{ . }}
        {{- end }}
      backendRefs:
        - name: {{ include "lea-payments.fullname" .root }}-{{ .part }}
          port: {{ .port }}
{{- end -}}
{{- end -}}
