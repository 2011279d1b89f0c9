{{/* Metadata of a Deployment or StatefulSet: (list $ component). */}}
{{- define "lea-payments.workloadMetadata" -}}
{{- $own := include "lea-payments.section" . | fromJson -}}
{{- include "lea-payments.metadata" (concat . (list (first .).Values.deploymentAnnotations $own.deploymentAnnotations)) -}}
{{- end -}}

{{/* Deployment of a service with any number of pods: the arguments of lea-payments.pod. */}}
{{- define "lea-payments.deployment" -}}
{{- $values := include "lea-payments.serviceValues" (list .root .service) | fromJson -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "lea-payments.workloadMetadata" (list .root .service) | nindent 2 }}
spec:
  {{- with include "lea-payments.replicas" (list .root .service) }}
  replicas: {{ . }}
  {{- end }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "lea-payments.selector" (list .root .service) | nindent 6 }}
  template:
    {{- include "lea-payments.pod" . | nindent 4 }}
{{- end -}}

{{/* Service in front of webhook, pages, checkout or mcp, without the metrics: (list $ service). */}}
{{- define "lea-payments.service" -}}
{{- $values := include "lea-payments.serviceValues" . | fromJson -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "lea-payments.metadata" (append . $values.service.annotations) | nindent 2 }}
spec:
  type: {{ $values.service.type | quote }}
  selector:
    {{- include "lea-payments.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ include "lea-payments.port" (last .) }}
      targetPort: http
      appProtocol: http
{{- end -}}

{{/* HorizontalPodAutoscaler of a service, if autoscaling is on: (list $ service). */}}
{{- define "lea-payments.horizontalPodAutoscaler" -}}
{{- $scaling := (include "lea-payments.serviceValues" . | fromJson).autoscaling -}}
{{- if and $scaling.enabled (not $scaling.external) -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "lea-payments.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "lea-payments.name" . | quote }}
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

{{/* PodDisruptionBudget of a service, if it always has at least two pods: (list $ service). */}}
{{- define "lea-payments.podDisruptionBudget" -}}
{{- $values := include "lea-payments.serviceValues" . | fromJson -}}
{{- $fewest := $values.replicas -}}
{{- if or $values.autoscaling.enabled $values.autoscaling.external }}
{{- $fewest = $values.autoscaling.minReplicas -}}
{{- end }}
{{- if and $values.podDisruptionBudget.enabled (gt (int $fewest) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "lea-payments.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ $values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "lea-payments.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/* Ingress to some paths of webhook, pages or mcp: (dict "root" "service" "paths"). */}}
{{- define "lea-payments.ingress" -}}
{{- $ingress := (index .root.Values .service).ingress -}}
{{- if $ingress.enabled -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "lea-payments.metadata" (list .root .service $ingress.annotations) | nindent 2 }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . | quote }}
  {{- end }}
  {{- with $ingress.tlsSecret }}
  tls:
    - hosts: [{{ $ingress.host | quote }}]
      secretName: {{ . | quote }}
  {{- end }}
  rules:
    - host: {{ $ingress.host | quote }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ . | quote }}
            pathType: Exact
            backend:
              service:
                name: {{ include "lea-payments.name" (list $.root $.service) | quote }}
                port:
                  name: http
          {{- end }}
{{- end -}}
{{- end -}}

{{/* HTTPRoute to some paths of webhook, pages or mcp: (dict "root" "service" "paths"). */}}
{{- define "lea-payments.httpRoute" -}}
{{- $route := (index .root.Values .service).httpRoute -}}
{{- if $route.enabled -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "lea-payments.metadata" (list .root .service) | nindent 2 }}
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
            value: {{ . | quote }}
        {{- end }}
      backendRefs:
        - name: {{ include "lea-payments.name" (list .root .service) | quote }}
          port: {{ include "lea-payments.port" .service }}
{{- end -}}
{{- end -}}
