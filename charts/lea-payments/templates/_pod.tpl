{{/* Labels of a pod: (dict "root" "component" "pod"). No value replaces a selector's label. */}}
{{- define "lea-payments.podLabels" -}}
{{- toYaml (merge (include "lea-payments.selector" (list .root .component) | fromYaml) .pod.podLabels) }}
{{- end -}}

{{/* Fields of every pod's spec: (dict "root" "component" "pod"), where `pod` is from lea-payments.podSettings. */}}
{{- define "lea-payments.podBasics" -}}
serviceAccountName: {{ include "lea-payments.serviceAccountName" (list .root .component) | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml .pod.podSecurityContext | nindent 2 }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- range $name := list "hostAliases" "nodeSelector" "tolerations" "priorityClassName" "runtimeClassName" }}
{{- with get $.pod $name }}
{{ toYaml (dict $name .) }}
{{- end }}
{{- end }}
{{- with include "lea-payments.affinity" . }}
{{ . }}
{{- end }}
{{- end -}}

{{/* Fields of every container: (dict "root" "component" "pod"): its image, security context and resources. */}}
{{- define "lea-payments.containerBasics" -}}
{{ include "lea-payments.image" (list .root .component) }}
securityContext:
  {{- toYaml .pod.containerSecurityContext | nindent 2 }}
resources:
  {{- toYaml .pod.resources | nindent 2 }}
{{- with .pod.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Mounts of every container. */}}
{{- define "lea-payments.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- with .pod.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volumes of every pod. */}}
{{- define "lea-payments.volumes" -}}
{{ include "lea-payments.tmp" .root }}
{{- with .pod.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Volume for temporary files, the only writable folder of most containers. */}}
{{- define "lea-payments.tmp" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{/*
Pod template of every service: (dict "root" "service" "env" "checksum" "secretFiles").
Each of the secret files is (dict "volume" "secret" "key" "file"), in /run/secrets/<volume>; the service reads it again when it changes.
No init container waits for the table: /readyz fails until the table responds, so a new pod gets no requests until then,
and a release whose table is created late becomes ready later.
*/}}
{{- define "lea-payments.pod" -}}
{{- $root := .root -}}
{{- $pod := include "lea-payments.podSettings" (list $root .service) | fromJson -}}
{{- $arguments := dict "root" $root "component" .service "pod" $pod -}}
metadata:
  labels:
    {{- $labels := include "lea-payments.podLabels" $arguments | fromYaml }}
    {{- toYaml (set $labels "lea-payments/serves-metrics" "true") | nindent 4 }}
  {{- with .checksum }}
  {{- $_ := set $pod.podAnnotations "checksum/secret" . }}
  {{- end }}
  {{- with $pod.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "lea-payments.podBasics" $arguments | nindent 2 }}
  # After the drain at most 20 s to finish requests (a delivery that waits for the table needs up to 9 of them), 5 s to export
  # the last spans, and 10 s to spare. The process drains by itself: a preStop hook would delay its announcement.
  terminationGracePeriodSeconds: {{ add $root.Values.drainSeconds 35 }}
  {{- with include "lea-payments.topologySpread" $arguments }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: {{ .service }}
      {{- include "lea-payments.containerBasics" $arguments | nindent 6 }}
      args: [{{ .service }}{{ if eq .service "mcp" }}, --http{{ end }}]
      ports:
        - name: http
          containerPort: {{ include "lea-payments.port" .service }}
        - name: metrics
          containerPort: {{ include "lea-payments.port" "metrics" }}
      env:
        - name: LOG_LEVEL
          value: {{ $root.Values.logLevel | quote }}
        - name: DRAIN_SECONDS
          value: {{ $root.Values.drainSeconds | quote }}
        - name: PORT
          value: {{ include "lea-payments.port" .service | quote }}
        - name: METRICS_PORT
          value: {{ include "lea-payments.port" "metrics" | quote }}
        {{- if ne .service "mcp" }}
        {{- include "lea-payments.tableVariables" $root | nindent 8 }}
        {{- end }}
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- include "lea-payments.openVariables" (dict "root" $root "service" .service "extraEnv" $pod.extraEnv) | nindent 8 }}
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
      volumeMounts:
        {{- include "lea-payments.volumeMounts" $arguments | nindent 8 }}
        {{- range .secretFiles }}
        - name: {{ .volume }}
          mountPath: /run/secrets/{{ .volume }}
          readOnly: true
        {{- end }}
  volumes:
    {{- include "lea-payments.volumes" $arguments | nindent 4 }}
    {{- range .secretFiles }}
    - name: {{ .volume }}
      secret:
        secretName: {{ .secret | quote }}
        # Without fsGroup the file belongs to root, and the service is not root.
        defaultMode: {{ hasKey $pod.podSecurityContext "fsGroup" | ternary "0440" "0444" }}
        items:
          - key: {{ .key | quote }}
            path: {{ .file }}
    {{- end }}
{{- end -}}
