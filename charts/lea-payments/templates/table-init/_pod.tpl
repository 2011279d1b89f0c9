{{/* Hook annotations of the Job and its objects, in aws mode only: the Job ends before any service changes. */}}
{{- define "lea-payments.tableInitHook" -}}
{{- if eq .Values.dynamodb.mode "aws" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
{{- end -}}

{{/* Pod template of the Job. It must not contain the chart's version, because a Job's pod template cannot be updated. */}}
{{- define "lea-payments.tableInitPod" -}}
{{- $pod := include "lea-payments.podSettings" (list $ "table-init") | fromJson -}}
{{- $arguments := dict "root" $ "component" "table-init" "pod" $pod -}}
metadata:
  labels:
    {{- include "lea-payments.podLabels" $arguments | nindent 4 }}
  {{- with $pod.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "lea-payments.podBasics" $arguments | nindent 2 }}
  restartPolicy: Never
  terminationGracePeriodSeconds: 5
  containers:
    - name: table-init
      {{- include "lea-payments.containerBasics" $arguments | nindent 6 }}
      {{- if eq .Values.dynamodb.mode "local" }}
      # The database starts at the same time, so the command waits: the Job would create new pods at growing intervals.
      args: [init-table, --wait=180]
      {{- else }}
      args: [init-table]
      {{- end }}
      env:
        - name: LOG_LEVEL
          value: {{ .Values.logLevel | quote }}
        {{- include "lea-payments.tableVariables" . | nindent 8 }}
        {{- with $pod.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumeMounts:
        {{- include "lea-payments.volumeMounts" $arguments | nindent 8 }}
  volumes:
    {{- include "lea-payments.volumes" $arguments | nindent 4 }}
{{- end -}}
