{{/* The beginning of all names. */}}
{{- define "lea-payments.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $whole := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $whole .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- end -}}

{{/* What never changes about a part, for selectors: (list $ part). */}}
{{- define "lea-payments.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with last . }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* Labels of an object, never of a pod template or a volume claim, which would change with each version: (list $ part). */}}
{{- define "lea-payments.labels" -}}
{{- $root := first . -}}
{{ include "lea-payments.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name and labels of an object: (list $ part). */}}
{{- define "lea-payments.metadata" -}}
name: {{ include "lea-payments.fullname" (first .) }}-{{ last . }}
namespace: {{ (first .).Release.Namespace }}
labels:
  {{- include "lea-payments.labels" . | nindent 2 }}
{{- end -}}

{{/* An image of ours, whose tag is the chart's appVersion unless given: (list $ image). */}}
{{- define "lea-payments.image" -}}
{{- $image := last . -}}
{{- printf "%s:%s" $image.repository (default (first .).Chart.AppVersion $image.tag) -}}
{{- with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Name of the Secret that holds what is Stripe's. */}}
{{- define "lea-payments.stripeSecret" -}}
{{- default (printf "%s-emulator" (include "lea-payments.fullname" .)) .Values.stripe.existingSecret -}}
{{- end -}}

{{/* A variable whose value is in a Secret: (dict "name" "secret" "key"). */}}
{{- define "lea-payments.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{/* The variables that say where the table is. An empty endpoint means AWS. */}}
{{- define "lea-payments.tableVariables" -}}
- name: AWS_REGION
  value: {{ .Values.dynamodb.region | quote }}
- name: DYNAMODB_PAYMENTS_TABLE
  value: {{ .Values.dynamodb.table | quote }}
- name: DDB_ENDPOINT
  value: {{ include "lea-payments.tableEndpoint" . | quote }}
{{- end -}}

{{/* Where the table is; empty means AWS. */}}
{{- define "lea-payments.tableEndpoint" -}}
{{- if eq .Values.dynamodb.mode "local" -}}
http://{{ include "lea-payments.fullname" . }}-dynamodb:8000
{{- end -}}
{{- end -}}

{{/* Annotations of a pod, with the part's own last: (list $ part's values), which may be nil. */}}
{{- define "lea-payments.podAnnotations" -}}
{{- $own := default dict (default dict (last .)).podAnnotations -}}
{{- with merge (deepCopy $own) (first .).Values.podAnnotations }}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod; what the selectors need cannot be replaced: (dict "root" "part" "values"), values may be nil. */}}
{{- define "lea-payments.podLabels" -}}
{{- $own := default dict (default dict .values).podLabels -}}
{{- $selector := include "lea-payments.selector" (list .root .part) | fromYaml -}}
{{- toYaml (merge $selector (deepCopy $own) .root.Values.podLabels) }}
{{- end -}}

{{/* What every pod of the chart has: (dict "root" "uid" "serviceAccount"). */}}
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

{{/* What every container of the chart may do. */}}
{{- define "lea-payments.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* A directory for temporary files, the only one that may be written. */}}
{{- define "lea-payments.tmp" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{/*
The pod that webhook, pages, checkout and reconciler share: (dict "root" "part" "port" "env" "secretFile").
No init container waits for the table: /readyz says no until the table answers, so a pod gets no request before that,
and a release whose table comes late becomes ready by itself.
*/}}
{{- define "lea-payments.pod" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .part -}}
metadata:
  labels:
    {{- include "lea-payments.podLabels" (dict "root" $root "part" .part "values" $values) | nindent 4 }}
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
  {{- $account := printf "%s-%s" (include "lea-payments.fullname" $root) .part }}
  {{- include "lea-payments.podBasics" (dict "root" $root "uid" 10001 "serviceAccount" $account) | nindent 2 }}
  # Ten seconds in which endpoints forget the pod, at most 20 in which it ends its requests, 5 for its last spans.
  terminationGracePeriodSeconds: 45
  {{- with $root.Values.topologySpread.keys }}
  topologySpreadConstraints:
    {{- range . }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "lea-payments.selector" (list $root $.part) | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .part }}
      image: {{ include "lea-payments.image" (list $root $root.Values.image) | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ .part }}]
      securityContext:
        {{- include "lea-payments.containerSecurity" $root | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ .port }}
        - name: metrics
          containerPort: 9464
      env:
        - name: LOG_LEVEL
          value: {{ $root.Values.logLevel }}
        - name: PORT
          value: {{ .port | quote }}
        - name: METRICS_PORT
          value: "9464"
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
        {{- with concat $root.Values.extraEnv $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      # Liveness asks nobody else, so that a slow table never restarts a part.
      startupProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 1
        timeoutSeconds: 2
        failureThreshold: 60
      # A table that is away takes all pods at once, and a 503 within 2 s is better than nobody there: slow to say no.
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

{{/* Checksum of the made-up Secret, for pods that read it only at their start; empty when there is none. */}}
{{- define "lea-payments.madeUpChecksum" -}}
{{- if .Values.emulator.enabled -}}
{{- printf "%s/%s/%s" .Values.emulator.webhookSecret .Values.emulator.apiKey .Values.emulator.apiToken | sha256sum | trunc 16 -}}
{{- end -}}
{{- end -}}
