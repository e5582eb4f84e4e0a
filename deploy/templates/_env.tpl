{{/* Variables by which a program reaches Postgres, as whom: "owner", "worker" or "control". Called with (list $ "worker").
     The owner installs, and goes past a pooler. */}}
{{- define "scaler.postgresEnv" -}}
{{- $root := index . 0 -}}{{- $role := index . 1 -}}
{{- $pg := $root.Values.postgres -}}
{{- $isExternal := eq $pg.mode "external" -}}
{{- $pooler := ternary $pg.external.pooler (dict "host" "") (and $isExternal (ne $role "owner")) -}}
{{- if not $pg.roles.split -}}{{- $role = "owner" -}}{{- end -}}
- name: POSTGRES_HOST
  value: {{ default (include "scaler.postgresHost" $root) $pooler.host | quote }}
- name: POSTGRES_PORT
{{- if $pooler.host }}
  value: {{ $pooler.port | quote }}
- name: POSTGRES_POOLER
  value: transaction
{{- else }}
  value: {{ ternary $pg.external.port 5432 $isExternal | quote }}
{{- end }}
- name: POSTGRES_DB
  value: {{ $pg.database | quote }}
- name: POSTGRES_USER
  value: {{ ternary $pg.user (get $pg.roles $role) (eq $role "owner") | quote }}
- name: POSTGRES_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "scaler.dbSecret" $root }}, key: {{ $role }}-password}
{{- /* With $$, since Kubernetes would replace $(NAME). */}}
{{- range $name := list "group" "table" "key" "filter" "statement" }}
{{- with get $root.Values.work $name }}
- name: {{ upper $name }}
  value: {{ replace "$(" "$$(" . | quote }}
{{- end }}
{{- end }}
- name: POSTGRES_COMMAND_TIMEOUT
  value: "{{ int $root.Values.timeouts.postgresCommandMs }}ms"
- name: POSTGRES_STATEMENT_TIMEOUT
  value: "{{ int $root.Values.timeouts.postgresStatementMs }}ms"
- name: POSTGRES_SSLMODE
{{- if eq $pg.mode "external" }}
  value: {{ $pg.external.sslMode }}
{{- else }}
  value: {{ ternary "verify-full" "disable" (ne (include "scaler.postgresClientSecret" $root) "") }}
{{- end }}
{{- if include "scaler.postgresClientSecret" $root }}
{{- if or (ne $pg.mode "external") (hasPrefix "verify" $pg.external.sslMode) }}
- name: POSTGRES_SSLROOTCERT
  value: /tls/postgres/ca.crt
{{- end }}
{{- if or (eq $pg.mode "standalone") (and (eq $pg.mode "external") $pg.external.clientCertificate) }}
- name: POSTGRES_SSLCERT
  value: /tls/postgres/tls.crt
- name: POSTGRES_SSLKEY
  value: /tls/postgres/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{/* Servers of the membership, and how Redis is reached. */}}
{{- define "scaler.membershipEnv" -}}
{{- $redis := .Values.redis -}}
- name: MEMBERSHIP
  value: {{ ternary "postgres" (ternary "both" "redis" $redis.withPostgres) (eq $redis.mode "none") }}
{{- if ne $redis.mode "none" }}
- name: REDIS_HOST
  value: {{ include "scaler.redisHost" . | quote }}
- name: REDIS_PORT
  value: {{ ternary $redis.external.port 6379 (eq $redis.mode "external") | quote }}
- name: REDIS_KEY
  value: {{ $redis.key | quote }}
{{- if and $redis.user (ne $redis.mode "redisfailover") }}
- name: REDIS_USER
  value: {{ $redis.user | quote }}
{{- end }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "scaler.redisSecret" . }}, key: password}
- name: REDIS_COMMAND_TIMEOUT
  value: "{{ int .Values.timeouts.redisCommandMs }}ms"
{{- if or (and (eq $redis.mode "standalone") .Values.tls.enabled) (and (eq $redis.mode "external") $redis.external.tls) }}
- name: REDIS_TLS
  value: "on"
{{- if include "scaler.redisClientSecret" . }}
- name: REDIS_TLS_CA
  value: /tls/redis/ca.crt
{{- if or (eq $redis.mode "standalone") $redis.external.clientCertificate }}
- name: REDIS_TLS_CERT
  value: /tls/redis/tls.crt
- name: REDIS_TLS_KEY
  value: /tls/redis/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Address and port of health and metrics; unset, the program listens on all addresses, IPv6 and IPv4. */}}
{{- define "scaler.listenEnv" -}}
{{- with .Values.listenAddress -}}
- name: LISTEN
  value: {{ printf (ternary "[%s]:8080" "%s:8080" (contains ":" .)) . | quote }}
{{- end -}}
{{- end -}}

{{/* Who the pod is, and how it logs. */}}
{{- define "scaler.processEnv" -}}
- name: POD_NAME
  valueFrom:
    fieldRef: {fieldPath: metadata.name}
- name: LOG
  value: {{ .Values.log.level | quote }}
- name: LOG_FORMAT
  value: {{ .Values.log.format }}
{{- end -}}

{{/* The user's own variables. */}}
{{- define "scaler.extraEnv" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Where the certificates stand in a container of a program. */}}
{{- define "scaler.tlsMounts" -}}
{{- if include "scaler.postgresClientSecret" . }}
- {name: postgres-tls, mountPath: /tls/postgres, readOnly: true}
{{- end }}
{{- if include "scaler.redisClientSecret" . }}
- {name: redis-tls, mountPath: /tls/redis, readOnly: true}
{{- end }}
{{- end -}}

{{- define "scaler.tlsVolumes" -}}
{{- with include "scaler.postgresClientSecret" . }}
- name: postgres-tls
  secret: {secretName: {{ . }}, defaultMode: 0440{{ if eq $.Values.postgres.mode "cloudnativepg" }}, items: [{key: ca.crt, path: ca.crt}]{{ end }}}
{{- end }}
{{- with include "scaler.redisClientSecret" . }}
- name: redis-tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* Address of the page and the API, who may read, and the token. */}}
{{- define "scaler.pageEnv" -}}
{{- if .Values.page.enabled -}}
- name: API_LISTEN
  value: {{ with .Values.listenAddress }}{{ printf (ternary "[%s]:8081" "%s:8081" (contains ":" .)) . | quote }}{{ else }}"[::]:8081"{{ end }}
- name: API_READ
  value: {{ .Values.page.read }}
- name: API_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ include "scaler.pageSecret" . }}, key: token}
{{- end -}}
{{- end -}}
