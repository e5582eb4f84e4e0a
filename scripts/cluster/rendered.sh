# The chart rendered without a cluster, as Argo CD and `helm template | kubectl apply` do; sourced by scripts/cluster-test.

scenario_rendered() {
    local NAMESPACE=$NAMESPACE-rendered WORKERS=6 before
    create_namespace
    render
    until_true 120 "all rows are ticked" is_even "$WORKERS" || return 0
    witness
    before=$(secrets)
    watch_from_now
    render
    render --set worker.podAnnotations.update=rendered --set controlPlane.podAnnotations.update=rendered
    settle_down
    expect "Secrets that changed" "$(diff <(echo "$before") <(secrets) | grep -c '^[<>]')" 0
    judge 0
    switch_to_autoscaling
    helm template "$RELEASE" deploy --namespace "$NAMESPACE" --skip-tests | kube delete --wait=false -f - >/dev/null 2>&1
    until_true 60 "no Secret is left" no_secrets
    kubectl delete namespace "$NAMESPACE" --wait=false >/dev/null
}
render() { helm template "$RELEASE" deploy --namespace "$NAMESPACE" --skip-tests --set "worker.replicaCount=$WORKERS" "${HELM_ARGUMENTS[@]}" "$@" | kube apply -f - >/dev/null || failed "kubectl refuses"; }
secrets() { kube get secrets -o go-template='{{range .items}}{{.metadata.name}} {{.metadata.uid}} {{.data}}{{"\n"}}{{end}}'; }
no_secrets() { [[ -z $(kube get secrets -o name) ]]; }

# Six workers, and then the control plane decides, with four at the least.
switch_to_autoscaling() {
    local log steps=''
    log=$(mktemp)
    watch_from_now
    kubectl --namespace "$NAMESPACE" get deployment worker --watch -o go-template='{{.spec.replicas}}{{"\n"}}' > >(while read -r replicas; do echo "$(now_ms) $replicas"; done >"$log") &
    WORKERS=4
    render --set autoscale.mode=builtin --set autoscale.min=4 --set autoscale.itemsPerWorker=50
    kube rollout status deployment/control-plane --timeout=180s >/dev/null || failed "no rollout"
    until_true 60 "as many as the minimum" wanted_is 4
    settle_down
    kill $! 2>/dev/null
    say "  workers wanted: $(cut -d' ' -f2 "$log" | uniq | paste -sd' ')"
    expect "longer than 15 s below the minimum" "$(awk -v now="$(now_ms)" 'below { sum += $1 - last } { below = $2 < 4; last = $1 }
        END { if (below) sum += now - last; print(sum > 15000) }' "$log")" 0
    rm "$log"
    judge 0
}
