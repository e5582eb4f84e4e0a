{{/* The Secrets with certificates: of whom is "postgres", "redis" or "client". Called with (list $ "postgres"). */}}
{{- define "scaler.tlsSecret" -}}
{{- $root := index . 0 -}}{{- $of := index . 1 -}}
{{- if eq $root.Values.tls.mode "existing" -}}
{{- index $root.Values.tls.existing (printf "%sSecret" $of) -}}
{{- else -}}
{{- include "scaler.name" (list $root (printf "%s-tls" $of)) -}}
{{- end -}}
{{- end -}}

{{/* The Secret that clients verify Postgres with, and show their certificate from; empty: none. */}}
{{- define "scaler.postgresClientSecret" -}}
{{- if eq .Values.postgres.mode "external" -}}
{{- .Values.postgres.external.tlsSecret -}}
{{- else if eq .Values.postgres.mode "cloudnativepg" -}}
{{- include "scaler.name" (list . "postgres") }}-ca
{{- else if .Values.tls.enabled -}}
{{- include "scaler.tlsSecret" (list . "client") -}}
{{- end -}}
{{- end -}}

{{/* The same for Redis. */}}
{{- define "scaler.redisClientSecret" -}}
{{- if eq .Values.redis.mode "external" -}}
{{- if .Values.redis.external.tls -}}{{- .Values.redis.external.tlsSecret -}}{{- end -}}
{{- else if and (eq .Values.redis.mode "standalone") .Values.tls.enabled -}}
{{- include "scaler.tlsSecret" (list . "client") -}}
{{- end -}}
{{- end -}}

{{/* Whether the chart itself makes certificates: something of its own that speaks TLS. */}}
{{- define "scaler.makesCertificates" -}}
{{- if and .Values.tls.enabled (or (eq .Values.postgres.mode "standalone") (eq .Values.redis.mode "standalone")) -}}yes{{- end -}}
{{- end -}}

{{/* The servers that certificates are made for, as a JSON list. */}}
{{- define "scaler.tlsServers" -}}
{{- toJson (ternary (list "postgres") (list "postgres" "redis") (eq .Values.redis.mode "none")) -}}
{{- end -}}

{{/* True if they are made without cert-manager. */}}
{{- define "scaler.generatesCertificates" -}}
{{- if and (include "scaler.makesCertificates" .) (eq .Values.tls.mode "generated") -}}yes{{- end -}}
{{- end -}}

{{/* The names by which a service is reached. Called with (list $ "postgres-service"). */}}
{{- define "scaler.dnsNames" -}}
{{- $root := index . 0 -}}{{- $name := include "scaler.name" . -}}
{{- $names := list $name (printf "%s.%s" $name $root.Release.Namespace) (printf "%s.%s.svc" $name $root.Release.Namespace) (printf "%s.%s.svc.cluster.local" $name $root.Release.Namespace) "localhost" -}}
{{- toJson $names -}}
{{- end -}}
