# Postgres of the operator CloudNativePG, with its failover; sourced by scripts/cluster-test.

scenario_cloudnativepg() {
    if ! kubectl get crd clusters.postgresql.cnpg.io >/dev/null 2>&1; then say "  not played: the operator CloudNativePG is not there" && return; fi
    local NAMESPACE=$NAMESPACE-cnpg DATABASE_USER=postgres begun
    create_namespace
    install_release --set postgres.mode=cloudnativepg ${CLOUDNATIVEPG_IMAGE:+--set "postgres.cloudnativepg.imageName=$CLOUDNATIVEPG_IMAGE"}
    begun=$(now_ms)
    until_true 300 "three servers" has_servers 3
    until_true 120 "all rows are ticked" is_even "$WORKERS" || return 0
    say "  fresh namespace to three servers and all rows ticked: $(($(now_ms) - begun)) ms"
    witness
    lose_primary "the primary is deleted without grace" deleted
    if has_commands "loss of the primary's node" NODE_KILL NODE_START && primary_leaves "$(safe_node)"; then
        lose_primary "the node of the primary loses its power" powerless
    fi
    helm uninstall "$RELEASE" --namespace "$NAMESPACE" >/dev/null 2>&1
    kubectl delete namespace "$NAMESPACE" --wait=false >/dev/null
}
# primary_leaves NODE: another server is the primary, if that of this node is.
primary_leaves() {
    local pod
    pod=$(database_pod)
    [[ $(node_of "$pod") == "$1" ]] || return 0
    deleted "$pod"
    until_true 60 "another primary" is_another "$pod" && until_true 300 "three servers" has_servers 3
    settle_down
    if [[ $(node_of "$(database_pod)") == "$1" ]]; then say "  not played: the primary stands on $1, which must stay" && return 1; fi
}
has_servers() { [[ $(kube get cluster postgres -o jsonpath='{.status.readyInstances}') == "$1" ]]; }

# lose_primary WHAT BY: another server takes over, by itself.
lose_primary() {
    local what=$1 by=$2 pod node
    pod=$(database_pod)
    node=$(node_of "$pod")
    watch_from_now
    "$by" "$pod" "$node"
    until_true 60 "$what: another primary" is_another "$pod"
    until_true 60 "$what: all rows are ticked" all_are_ticked
    past_some_ticks 5
    say "  $what:"
    judge 20
    [[ $by != powerless ]] || on_node NODE_START "$node"
    until_true 300 "three servers" has_servers 3
    settle_down
}
is_another() { [[ $(database_pod) != "$1" ]] && sql 'select 1'; }
deleted() { kube delete pod "$1" --wait=false --grace-period=0 --force >/dev/null 2>&1; }
powerless() { on_node NODE_KILL "$2"; }
