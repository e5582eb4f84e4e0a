{{/*
A password: as it stands in the Secret on the cluster, or made now, once for all templates of this run.
Called with (list $ "name-of-the-secret" "key").
*/}}
{{- define "scaler.password" -}}
{{- $root := index . 0 -}}{{- $secret := index . 1 -}}{{- $key := index . 2 -}}
{{- $made := get $root.Values "made" | default dict -}}
{{- $id := printf "%s/%s" $secret $key -}}
{{- if not (hasKey $made $id) -}}
{{- $live := get (lookup "v1" "Secret" $root.Release.Namespace $secret) "data" | default dict -}}
{{- $_ := set $made $id (ternary (get $live $key | b64dec) (randAlphaNum 32) (hasKey $live $key)) -}}
{{- $_ := set $root.Values "made" $made -}}
{{- end -}}
{{- get $made $id -}}
{{- end -}}
