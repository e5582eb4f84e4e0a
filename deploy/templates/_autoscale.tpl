{{/* How the control plane scales the workers, or tells others how many it wants. */}}
{{- define "scaler.autoscaleEnv" -}}
{{- $auto := .Values.autoscale -}}
- name: AUTOSCALE
  value: {{ get (dict "off" "off" "builtin" "builtin" "hpa" "export" "keda" "export") $auto.mode | quote }}
{{- if ne $auto.mode "off" }}
- name: AUTOSCALE_ITEMS_PER_WORKER
  value: {{ $auto.itemsPerWorker | int | quote }}
- name: AUTOSCALE_MIN
  value: {{ $auto.min | quote }}
- name: AUTOSCALE_MAX
  value: {{ $auto.max | quote }}
- name: AUTOSCALE_UP_INTERVAL
  value: "{{ $auto.upEverySeconds }}s"
- name: AUTOSCALE_DOWN_WINDOW
  value: "{{ $auto.downWindowSeconds }}s"
- name: AUTOSCALE_DOWN_INTERVAL
  value: "{{ $auto.downEverySeconds }}s"
- name: AUTOSCALE_BAND_PERCENT
  value: {{ $auto.bandPercent | quote }}
{{- end }}
{{- if eq $auto.mode "builtin" }}
- name: AUTOSCALE_DEPLOYMENT
  value: {{ include "scaler.name" (list . "worker") }}
- name: AUTOSCALE_NAMESPACE
  valueFrom:
    fieldRef: {fieldPath: metadata.namespace}
{{- end }}
{{- end -}}

{{/* The name under which the wanted number of workers is exported. */}}
{{- define "scaler.wantedMetric" -}}notifi_scaler_control_wanted_workers{{- end -}}
