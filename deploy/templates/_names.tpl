{{/* A name of this release: the original's, with the prefix in front. Called with (list $ "worker"). */}}
{{- define "scaler.name" -}}
{{- $root := index . 0 -}}
{{- printf "%s%s" $root.Values.namePrefix (index . 1) | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects the pods of a component. Called with (list $ "worker"). */}}
{{- define "scaler.selector" -}}
{{- $root := index . 0 -}}
app: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
{{- end -}}

{{/* The labels of everything of a component. Called with (list $ "worker"). */}}
{{- define "scaler.labels" -}}
{{- $root := index . 0 -}}
{{ include "scaler.selector" . }}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ $root.Chart.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* One of our images. Called with (list $ .Values.worker.image). */}}
{{- define "scaler.image" -}}
{{- $root := index . 0 -}}
{{- printf "%s%s:%s" $root.Values.image.registry (index . 1).repository ($root.Values.image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}

{{/* A public image. Called with (list $ .Values.redis.standalone.image). */}}
{{- define "scaler.publicImage" -}}
{{- $root := index . 0 -}}
{{- printf "%s%s:%s" $root.Values.image.registry (index . 1).repository (index . 1).tag -}}
{{- end -}}

{{- define "scaler.dbSecret" -}}
{{- .Values.postgres.existingSecret | default (include "scaler.name" (list . "postgres-secret")) -}}
{{- end -}}

{{- define "scaler.redisSecret" -}}
{{- .Values.redis.existingSecret | default (include "scaler.name" (list . "redis-secret")) -}}
{{- end -}}

{{- define "scaler.pageSecret" -}}
{{- .Values.page.existingSecret | default (include "scaler.name" (list . "page-secret")) -}}
{{- end -}}

{{- define "scaler.postgresHost" -}}
{{- if eq .Values.postgres.mode "external" -}}
{{- .Values.postgres.external.host -}}
{{- else if eq .Values.postgres.mode "cloudnativepg" -}}
{{- include "scaler.name" (list . "postgres") }}-rw
{{- else -}}
{{- include "scaler.name" (list . "postgres-service") -}}
{{- end -}}
{{- end -}}

{{- define "scaler.redisHost" -}}
{{- if eq .Values.redis.mode "external" -}}
{{- .Values.redis.external.host -}}
{{- else if eq .Values.redis.mode "redisfailover" -}}
rfrm-{{ include "scaler.name" (list . "redis") }}
{{- else -}}
{{- include "scaler.name" (list . "redis-service") -}}
{{- end -}}
{{- end -}}
