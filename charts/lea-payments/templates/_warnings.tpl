{{/* What a release may lack for a while: certificates that cert-manager creates later, and metrics for the autoscaler. */}}
{{- define "lea-payments.warnings" -}}
{{- $root := . -}}
{{- if and (ne (toString .Values.preflight) "none") (include "lea-payments.usesCertificates" .) (include "lea-payments.canLookUp" .) }}
{{- range list "webhook" "pages" "mcp" }}
{{- $ingress := (index $root.Values .).ingress }}
{{- if and (ne (toString (index $root.Values .).enabled) "false") $ingress.enabled $ingress.tlsSecret (not (lookup "v1" "Secret" $root.Release.Namespace $ingress.tlsSecret)) }}
Warning: the Secret {{ $ingress.tlsSecret }} of {{ . }}.ingress.tlsSecret does not exist yet. Until something creates it, {{ $ingress.host }} has no valid certificate.
{{- end }}
{{- end }}
{{- end }}
{{- if and (include "lea-payments.knowsKinds" .) (not (.Capabilities.APIVersions.Has "metrics.k8s.io/v1beta1")) }}
{{- range list "webhook" "pages" "checkout" "notifier" "mcp" }}
{{- if and (ne (toString (index $root.Values .).enabled) "false") (include "lea-payments.serviceValues" (list $root .) | fromJson).autoscaling.enabled }}
Warning: {{ . }}.autoscaling.enabled is true, but the cluster has no metrics-server, so the number of pods will not change.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Text if an Ingress names a certificate. */}}
{{- define "lea-payments.usesCertificates" -}}
{{- range list .Values.webhook.ingress .Values.pages.ingress (set (deepCopy .Values.mcp.ingress) "enabled" (and .Values.mcp.enabled .Values.mcp.ingress.enabled)) }}
{{- if and .enabled .tlsSecret }}true{{ end }}
{{- end }}
{{- end -}}
