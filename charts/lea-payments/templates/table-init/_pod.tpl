{{/* Hook annotations of the Job and its objects, in aws mode only: the Job ends before any service changes. */}}
{{- define "lea-payments.tableInitHook" -}}
{{- if eq .Values.dynamodb.mode "aws" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
{{- end -}}

{{/* Pod template of the Job. It must not contain the chart's version, because a Job's pod template cannot be updated. */}}
{{- define "lea-payments.tableInitPod" -}}
metadata:
  labels:
    {{- include "lea-payments.podLabels" (dict "root" $ "component" "table-init") | nindent 4 }}
  {{- with include "lea-payments.podAnnotations" (list $ nil) }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  {{- $account := printf "%s-table-init" (include "lea-payments.fullname" .) }}
  {{- include "lea-payments.podBasics" (dict "root" $ "uid" 10001 "serviceAccount" $account) | nindent 2 }}
  restartPolicy: Never
  terminationGracePeriodSeconds: 5
  containers:
    - name: table-init
      {{- include "lea-payments.image" (list $ "table-init") | nindent 6 }}
      {{- if eq .Values.dynamodb.mode "local" }}
      # The database starts at the same time, so the command waits: the Job would create new pods at growing intervals.
      args: [init-table, --wait=180]
      {{- else }}
      args: [init-table]
      {{- end }}
      env:
        - name: LOG_LEVEL
          value: {{ .Values.logLevel }}
        {{- include "lea-payments.tableVariables" . | nindent 8 }}
      securityContext:
        {{- include "lea-payments.containerSecurity" . | nindent 8 }}
      resources:
        {{- toYaml .Values.tableInit.resources | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
  volumes:
    {{- include "lea-payments.tmp" . | nindent 4 }}
{{- end -}}
