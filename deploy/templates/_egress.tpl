{{- define "scaler.dnsEgress" -}}
# Names
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "scaler.apiEgress" -}}
# The API of Kubernetes, whose address only the cluster knows
- ports:
    - {port: 443, protocol: TCP}
    - {port: 6443, protocol: TCP}
{{- end -}}
