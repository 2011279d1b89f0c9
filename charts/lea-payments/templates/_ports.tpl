{{/* The table of ports: all templates take their ports from here. */}}
{{- define "lea-payments.ports" -}}
dynamodb: 8000
dynamodb-admin: 8001
dynamodb-admin-service: 8010
notifier: 8079
mcp: 8080
reconciler: 8083
checkout: 8084
pages: 8085
webhook: 8086
emulator: 8087
metrics: 9464
{{- end -}}

{{/* One port of the table, by its name. A render asks for it a hundred times, so the table is not read as YAML. */}}
{{- define "lea-payments.port" -}}
{{- $line := regexFind (printf "(?m)^%s: .+$" .) (include "lea-payments.ports" .) | required (printf "_ports.tpl has no port named %s" .) -}}
{{- trimPrefix (printf "%s: " .) $line -}}
{{- end -}}

{{/* URL of a component's Service inside the cluster: (list $ component). */}}
{{- define "lea-payments.url" -}}
http://{{ include "lea-payments.name" . }}:{{ include "lea-payments.port" (last .) }}
{{- end -}}
