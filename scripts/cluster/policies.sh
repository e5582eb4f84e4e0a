# Who reaches whom under the network policies; sourced by scripts/cluster-test.

scenario_policies() {
    local label
    start_client client-stranger stranger
    # In a namespace without policies, and where nothing enforces them, everybody reaches everything.
    until_true 20 "Postgres refuses a stranger" reaches client-stranger "worker control-plane api names" ||
        { say "  not played: does this cluster enforce network policies? A stranger reaches: $(reached client-stranger)" && return; }
    say "  stranger reaches: $(reached client-stranger)"
    expect_reach worker "postgres redis names"
    expect_reach control-plane "postgres redis names"
    expect_reach test "postgres redis names"
    for label in stranger worker control-plane test; do stop_client "client-$label"; done
    expect "postgres-0 reaches" "$(reached postgres-0)" ""
    expect "redis reaches" "$(reached "$(any_pod redis)")" ""
}
# expect_reach LABEL WHAT: what a pod with this label reaches, and nothing else. Policies apply to a pod a moment after its start.
expect_reach() {
    start_client "client-$1" "$1"
    until_true 20 "$1 reaches just $2" reaches "client-$1" "$2"
    say "  $1 reaches: $(reached "client-$1")"
}
reaches() { [[ $(reached "$1") == "$(asked "$1" "$2")" ]]; }
# asked POD TARGETS: without those that say nothing. A pod always reaches its own node, and so an API server and a DNS server on it.
# Some implementations apply what a policy lets in to what its own pods send, so that pods of a label reach each other.
asked() {
    local target
    for target in $2; do
        case $target in
            api | names) [[ $(node_of "$1") == "$(api_node)" ]] && continue ;;
            *) [[ $1 == "client-$target" ]] && continue ;;
        esac
        echo "$target"
    done | paste -sd' '
}
# reached POD: whom it reaches, by their addresses, and whether it can ask for names.
reached() {
    kube exec "$1" -- bash -c 'for target in "$@"; do
            case $target in
                names) timeout 4 getent hosts postgres-service >/dev/null ;;
                *) timeout 2 bash -c "</dev/tcp/${target#*=}" 2>/dev/null ;;
            esac && echo "${target%%=*}"
        done; true' bash $(for target in $(asked "$1" "postgres redis worker control-plane api names"); do address_of "$target"; done) | paste -sd' '
}
address_of() {
    case $1 in
        postgres) echo "$1=$(cluster_ip postgres-service)/5432" ;;
        redis) echo "$1=$(cluster_ip redis-service)/6379" ;;
        worker | control-plane) echo "$1=$(cluster_ip "$1-service")/80" ;;
        api) echo "$1=$(NAMESPACE=default cluster_ip kubernetes)/443" ;;
        names) echo "$1" ;;
    esac
}
cluster_ip() { kube get service "$1" -o jsonpath='{.spec.clusterIP}'; }
