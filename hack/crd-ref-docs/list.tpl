{{- define "gvList" -}}
<!-- Generated from the comments in api/ by `make generate`. Change them, not this page. -->
# API reference
{{ range . }}
{{ template "group" . }}
{{- end }}
{{- end -}}

{{- define "group" -}}
{{ trim .Doc }}

The resources of `{{ .GroupVersionString }}`:
{{ range .SortedKinds }}
- {{ markdownRenderTypeLink ($.TypeForKind .) }}
{{- end }}

Fields that are not "required" may be left out. The other rules are those of the schema: `MinItems` and `MaxItems` count the
items of a list, `MinLength` and `MaxLength` the characters of a text.
{{ range .SortedKinds }}
{{ template "type" ($.TypeForKind .) }}
{{- end }}
## Types

What the resources are made of, in alphabetical order.
{{ range .SortedTypes }}{{ if not .GVK }}
{{ template "type" . }}
{{- end }}{{ end }}
{{- end -}}
