{{/* Annotations of a pod: (list $ values). The values, which may be nil, are the service's own and win. */}}
{{- define "lea-payments.podAnnotations" -}}
{{- $own := default dict (default dict (last .)).podAnnotations -}}
{{- with merge (deepCopy $own) (first .).Values.podAnnotations }}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod: (dict "root" "component" "values"). The values may be nil. No value replaces a selector's label. */}}
{{- define "lea-payments.podLabels" -}}
{{- $own := default dict (default dict .values).podLabels -}}
{{- $selector := include "lea-payments.selector" (list .root .component) | fromYaml -}}
{{- toYaml (merge $selector (deepCopy $own) .root.Values.podLabels) }}
{{- end -}}

{{/* Fields of every pod's spec: (dict "root" "uid" "serviceAccount"). */}}
{{- define "lea-payments.podBasics" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ .serviceAccount }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Security context of every container. */}}
{{- define "lea-payments.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Volume for temporary files, the only writable folder of most containers. */}}
{{- define "lea-payments.tmp" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{/*
Pod template of webhook, pages, checkout and reconciler: (dict "root" "service" "env" "checksum" "secretFile").
No init container waits for the table: /readyz fails until the table responds, so a new pod gets no requests until then,
and a release whose table is created late becomes ready later.
*/}}
{{- define "lea-payments.pod" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .service -}}
metadata:
  labels:
    {{- include "lea-payments.podLabels" (dict "root" $root "component" .service "values" $values) | nindent 4 }}
    lea-payments/serves-metrics: "true"
  {{- $annotations := include "lea-payments.podAnnotations" (list $root $values) }}
  {{- if or $annotations .checksum }}
  annotations:
    {{- with $annotations }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .checksum }}
    checksum/secret: {{ . }}
    {{- end }}
  {{- end }}
spec:
  {{- $account := printf "%s-%s" (include "lea-payments.fullname" $root) .service }}
  {{- include "lea-payments.podBasics" (dict "root" $root "uid" 10001 "serviceAccount" $account) | nindent 2 }}
  # 10 s until the pod is removed from all endpoints, at most 20 s to finish requests (a delivery that waits for the table
  # needs up to 9 of them), 5 s to export the last spans.
  terminationGracePeriodSeconds: 45
  {{- with $root.Values.topologySpread.keys }}
  topologySpreadConstraints:
    {{- range . }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "lea-payments.selector" (list $root $.service) | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .service }}
      {{- include "lea-payments.image" (list $root .service) | nindent 6 }}
      args: [{{ .service }}]
      securityContext:
        {{- include "lea-payments.containerSecurity" $root | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ include "lea-payments.port" .service }}
        - name: metrics
          containerPort: {{ include "lea-payments.port" "metrics" }}
      env:
        - name: LOG_LEVEL
          value: {{ $root.Values.logLevel }}
        - name: PORT
          value: {{ include "lea-payments.port" .service | quote }}
        - name: METRICS_PORT
          value: {{ include "lea-payments.port" "metrics" | quote }}
        {{- with $root.Values.otlp }}
        {{- if .endpoint }}
        - name: OTEL_EXPORTER_OTLP_ENDPOINT
          value: {{ .endpoint | quote }}
        - name: OTEL_TRACES_SAMPLER_ARG
          value: {{ .samplingRatio | quote }}
        {{- end }}
        {{- end }}
        {{- include "lea-payments.tableVariables" $root | nindent 8 }}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with concat $root.Values.extraEnv (default list $values.extraEnv) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      # The liveness probe checks only the process: a slow table must never restart a pod.
      startupProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 1
        timeoutSeconds: 2
        failureThreshold: 60
      # An unavailable table makes all pods unready at once. An answer 503 is better than no pod at all, so this fails only after 60 s.
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 3
        timeoutSeconds: 3
        failureThreshold: 20
      livenessProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      lifecycle:
        preStop:
          sleep:
            seconds: 10
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if .secretFile }}
        - name: stripe
          mountPath: /run/secrets/stripe
          readOnly: true
        {{- end }}
  volumes:
    {{- include "lea-payments.tmp" $root | nindent 4 }}
    {{- if .secretFile }}
    - name: stripe
      secret:
        secretName: {{ include "lea-payments.stripeSecret" $root }}
        defaultMode: 0440
        items:
          - key: {{ $root.Values.stripe.keys.webhookSecret }}
            path: webhook-secrets
    {{- end }}
{{- end -}}
