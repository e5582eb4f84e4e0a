{{/* Names of the Secrets that the chart makes, as a JSON list. */}}
{{- define "scaler.madeSecrets" -}}
{{- $made := list -}}
{{- if not .Values.postgres.existingSecret }}{{ $made = append $made (include "scaler.dbSecret" .) }}{{ end -}}
{{- range include "scaler.loginRoles" . | fromJsonArray }}{{ $made = append $made (include "scaler.loginSecret" (list $ .)) }}{{ end -}}
{{- if include "scaler.makesRedisSecret" . }}{{ $made = append $made (include "scaler.redisSecret" .) }}{{ end -}}
{{- if include "scaler.makesPageSecret" . }}{{ $made = append $made (include "scaler.pageSecret" .) }}{{ end -}}
{{- if include "scaler.generatesCertificates" . -}}
{{- $made = append $made (include "scaler.name" (list . "ca-tls")) -}}
{{- range append (include "scaler.tlsServers" . | fromJsonArray) "client" }}{{ $made = append $made (include "scaler.tlsSecret" (list $ .)) }}{{ end -}}
{{- end -}}
{{- toJson $made -}}
{{- end -}}

{{/* True if the chart makes the Secret with the passwords of Redis. */}}
{{- define "scaler.makesRedisSecret" -}}
{{- if and (ne .Values.redis.mode "none") (not .Values.redis.existingSecret) -}}yes{{- end -}}
{{- end -}}

{{/* True if the chart makes the Secret with the token of the page. */}}
{{- define "scaler.makesPageSecret" -}}
{{- if and .Values.page.enabled (not .Values.page.existingSecret) -}}yes{{- end -}}
{{- end -}}

{{/* Roles for which CloudNativePG needs a Secret with user name and password each, as a JSON list. */}}
{{- define "scaler.loginRoles" -}}
{{- $roles := list -}}
{{- if eq .Values.postgres.mode "cloudnativepg" -}}
{{- $roles = ternary (list "owner" "worker" "control") (list "owner") .Values.postgres.roles.split -}}
{{- end -}}
{{- toJson $roles -}}
{{- end -}}

{{/* Called with (list $ "worker"). */}}
{{- define "scaler.loginSecret" -}}
{{- include "scaler.name" (list (index . 0) (printf "postgres-%s" (index . 1))) -}}
{{- end -}}

{{/* Arguments of `chart-secrets`. */}}
{{- define "scaler.secretsArguments" -}}
{{- $pg := .Values.postgres -}}
- --owner={{ include "scaler.name" (list . "control-plane") }}
- --label=app.kubernetes.io/instance={{ .Release.Name }}
- --label=app.kubernetes.io/name={{ .Chart.Name }}
- --label=app.kubernetes.io/component=secrets
{{- if not $pg.existingSecret }}
- --passwords={{ include "scaler.dbSecret" . }}=owner-password,worker-password,control-password
{{- end }}
{{- range include "scaler.loginRoles" . | fromJsonArray }}
- {{ printf "--login=%s=%s:%s/%s-password" (include "scaler.loginSecret" (list $ .)) (ternary $pg.user (get $pg.roles .) (eq . "owner")) (include "scaler.dbSecret" $) . | quote }}
{{- end }}
{{- if include "scaler.makesRedisSecret" . }}
- --passwords={{ include "scaler.redisSecret" . }}=admin-password,password
{{- end }}
{{- if include "scaler.makesPageSecret" . }}
- --passwords={{ include "scaler.pageSecret" . }}=token
{{- end }}
{{- if include "scaler.generatesCertificates" . }}
- --authority={{ include "scaler.name" (list . "ca-tls") }}
- --valid-days={{ int .Values.tls.generated.validityDays }}
{{- range include "scaler.tlsServers" . | fromJsonArray }}
- --server-certificate={{ include "scaler.tlsSecret" (list $ .) }}={{ include "scaler.dnsNames" (list $ (printf "%s-service" .)) | fromJsonArray | join "," }},127.0.0.1
{{- end }}
- --client-certificate={{ include "scaler.tlsSecret" (list . "client") }}=notifi-scaler
{{- end }}
{{- end -}}

{{/*
Before install and upgrade, so that pods find their Secrets; after install once more, since the owner of the Secrets exists only then.
Tools without hooks create these objects with all others, and pods wait until their Secrets exist.
*/}}
{{- define "scaler.secretsHook" -}}
helm.sh/hook: pre-install,pre-upgrade,post-install
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- define "scaler.secretsPod" -}}
metadata:
  labels: {{- include "scaler.labels" (list . "secrets") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "scaler.name" (list . "secrets") }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  securityContext: {{- include "scaler.podSecurity" 65532 | nindent 4 }}
  {{- include "scaler.placement" (list . "secrets" .Values.controlPlane) | nindent 2 }}
  containers:
    - name: secrets
      image: {{ include "scaler.image" (list . .Values.controlPlane.image) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      terminationMessagePolicy: FallbackToLogsOnError
      securityContext: {{- include "scaler.containerSecurity" . | nindent 8 }}
      command: [chart-secrets]
      args: {{- include "scaler.secretsArguments" . | nindent 8 }}
      env: {{- include "scaler.processEnv" . | nindent 8 }}
      resources: {{- toYaml .Values.controlPlane.resources | nindent 8 }}
{{- end -}}
