{{/*
Variables that users add, and those of OpenTelemetry: (dict "root" "service" "extraEnv"). Kubernetes replaces $(NAME) only
below NAME, so the endpoint stands below the users' variables, and the resource attributes below the pod's fields.
The pod's attributes have a variable of their own, and the services merge both: one with the users' name would replace what
users set in `envFrom`. OTEL_RESOURCE_ATTRIBUTES of `extraEnv` for all pods and that for one service become one variable.
*/}}
{{- define "lea-payments.openVariables" -}}
{{- $deployment := printf "%s-%s" (include "lea-payments.fullname" .root) .service -}}
{{- $namespace := "$(OTEL_RESOURCE_ATTRIBUTES_NAMESPACE)" -}}
{{- $pod := "$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME)" -}}
{{- $attributes := list
  (printf "service.namespace=%s" $namespace)
  (printf "service.instance.id=%s.%s.%s" $namespace $pod .service)
  (printf "k8s.namespace.name=%s" $namespace)
  (printf "k8s.deployment.name=%s" $deployment)
  (printf "k8s.pod.name=%s" $pod)
  "k8s.node.name=$(OTEL_RESOURCE_ATTRIBUTES_NODE_NAME)" -}}
{{- $fields := dict "NAMESPACE" "metadata.namespace" "POD_NAME" "metadata.name" "NODE_NAME" "spec.nodeName" -}}
{{- $variables := list -}}
{{- range $name, $path := $fields }}
{{- $source := dict "fieldRef" (dict "fieldPath" $path) }}
{{- $variables = append $variables (dict "name" (printf "OTEL_RESOURCE_ATTRIBUTES_%s" $name) "valueFrom" $source) }}
{{- end }}
{{- $variables = append $variables (dict "name" "POD_RESOURCE_ATTRIBUTES" "value" (join "," $attributes)) }}
{{- $ofUsers := list -}}
{{- range .extraEnv }}
{{- if ne .name "OTEL_RESOURCE_ATTRIBUTES" }}
{{- $variables = append $variables . }}
{{- else if .valueFrom }}
{{- $name := printf "OTEL_RESOURCE_ATTRIBUTES_%d" (len $variables) }}
{{- $variables = append $variables (dict "name" $name "valueFrom" .valueFrom) }}
{{- $ofUsers = append $ofUsers (printf "$(%s)" $name) }}
{{- else if .value }}
{{- $ofUsers = append $ofUsers .value }}
{{- end }}
{{- end }}
{{- if $ofUsers }}
{{- $variables = append $variables (dict "name" "OTEL_RESOURCE_ATTRIBUTES" "value" (join "," $ofUsers)) }}
{{- end }}
{{- with .root.Values.otlp }}
{{- if .endpoint }}
{{- $variables = append $variables (dict "name" "OTEL_EXPORTER_OTLP_ENDPOINT" "value" .endpoint) }}
{{- $variables = append $variables (dict "name" "OTEL_TRACES_SAMPLER_ARG" "value" (toString .samplingRatio)) }}
{{- end }}
{{- end }}
{{- toYaml $variables }}
{{- end -}}
