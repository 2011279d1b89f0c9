{{/*
The table of images: the image of a container, and when nodes pull it: (list $ component).
A component that has no line of its own runs `image`. An empty tag means the chart's appVersion. A digest wins over one in the tag.
*/}}
{{- define "lea-payments.image" -}}
{{- $values := (first .).Values -}}
{{- $images := dict
  "emulator" $values.emulator.image
  "mcp" $values.mcp.image
  "dynamodb" $values.dynamodb.local.image
  "dynamodb-admin" $values.dynamodb.admin.image
-}}
{{- $image := get $images (last .) | default $values.image -}}
{{- $name := printf "%s:%s" $image.repository (default (first .).Chart.AppVersion $image.tag) -}}
image: {{ empty $image.digest | ternary $name (printf "%s@%s" (splitList "@" $name | first) $image.digest) | quote }}
imagePullPolicy: {{ $values.image.pullPolicy | quote }}
{{- end -}}
