{{- define "type" -}}
{{- if markdownShouldRenderType . -}}
{{ if .GVK }}##{{ else }}###{{ end }} {{ .Name }}

{{ trim .Doc }}
{{ with .SortedReferences }}
Used in {{ range $i, $type := . }}{{ if $i }}, {{ end }}{{ markdownRenderTypeLink $type }}{{ end }}.
{{ end }}
{{- if .Members }}
| Field | Type | Meaning | Rules |
| --- | --- | --- | --- |
{{- with .GVK }}
| `apiVersion` | string | `{{ .Group }}/{{ .Version }}` | |
| `kind` | string | `{{ .Kind }}` | |
{{- end }}
{{- range .Members }}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "meaning" . }} | {{ template "rules" . }} |
{{- end }}
{{ end }}
{{- if .EnumValues }}
| Value | Meaning |
| --- | --- |
{{- range .EnumValues }}
| `{{ .Name }}` | {{ markdownRenderFieldDoc .Doc | replace "<br />" " " | trim }} |
{{- end }}
{{ end }}
{{- end }}
{{- end -}}

{{- define "meaning" -}}
{{- if eq .Name "metadata" -}}
Name, namespace, labels, annotations: the same in every Kubernetes object.
{{- else -}}
{{ markdownRenderFieldDoc .Doc | replace "<br />" " " | trim }}
{{- end -}}
{{- end -}}

{{- /* The values of an enumeration stand with its type, so a field that links to one does not repeat them. */ -}}
{{- define "rules" -}}
{{- $rules := list -}}
{{- $linked := contains "](" (markdownRenderType .Type) -}}
{{- range .Validation -}}
  {{- if hasPrefix "Required:" . }}{{ $rules = prepend $rules "required" }}
  {{- else if hasPrefix "Optional:" . }}
  {{- else if and $linked (hasPrefix "Enum:" .) }}
  {{- else }}{{ $rules = append $rules (markdownRenderFieldDoc .) }}
  {{- end -}}
{{- end -}}
{{- with .Default }}{{ $rules = append $rules (printf "default %s" (markdownRenderDefault .)) }}{{ end -}}
{{ join ", " $rules }}
{{- end -}}
