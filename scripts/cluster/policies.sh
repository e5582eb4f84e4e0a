# Who reaches whom under the network policies; sourced by scripts/cluster-test.

scenario_policies() {
    local label
    start_client client-stranger stranger
    # In a namespace without policies, and where nothing enforces them, everybody reaches everything.
    if ! (until_true 20 "Postgres refuses a stranger" reaches client-stranger "worker control-plane api names") >/dev/null; then
        say "  not played: does this cluster enforce network policies? A stranger reaches: $(reached client-stranger)"
        stop_client client-stranger
        return
    fi
    say "  stranger reaches: $(reached client-stranger)"
    for label in worker control-plane test postgres redis; do start_client "client-$label" "$label"; done
    for label in worker control-plane test; do expect_reach "$label" "postgres redis names"; done
    for label in postgres redis; do expect_reach "$label" nobody; done
    expect "postgres-0 reaches" "$(reached postgres-0)" nobody
    expect "redis reaches" "$(reached "$(any_pod redis)")" nobody
    ports_by_label
    workers_of_others
    policies_by_value
    for label in stranger worker control-plane test postgres redis; do stop_client "client-$label"; done
}
# expect_reach LABEL WHAT: what the client with this label reaches, and nothing else. Policies apply to a pod a moment after its start.
expect_reach() {
    until_true 20 "$1 reaches just $2" reaches "client-$1" "$2"
    say "  $1 reaches: $(reached "client-$1")"
}
# reaches POD TARGETS [NAMESPACE OF THE POD]
reaches() {
    local wanted
    wanted=$(NAMESPACE=${3:-$NAMESPACE} asked "$1" "$2")
    [[ $(reached "$1" "${3:-}") == "${wanted:-nobody}" ]]
}
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
# reached POD [NAMESPACE]: whom it reaches, by their addresses, and whether it can ask for names; or nobody.
reached() {
    kubectl --namespace "${2:-$NAMESPACE}" exec "$1" -- bash -c 'for target in "$@"; do
            case $target in
                names) timeout 4 getent hosts kubernetes.default >/dev/null ;;
                *) timeout 2 bash -c "</dev/tcp/${target#*=}" 2>/dev/null ;;
            esac && found+=" ${target%%=*}"
        done; echo ${found:-nobody}' bash $(for target in $(NAMESPACE=${2:-$NAMESPACE} asked "$1" "postgres redis worker control-plane api names"); do address_of "$target"; done)
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

# Clients listen on ports beside those that the policies name, so that it shows which are refused, and to whom.
ports_by_label() {
    local to from
    # The listener itself works: without it, all would look refused.
    start_client client-other stranger
    expect_ports stranger client-other "$CLIENT_PORTS"
    for from in worker control-plane test postgres redis; do expect_ports "$from" client-other none; done
    for to in worker control-plane; do expect_ports stranger "client-$to" 8080; done
    for to in test postgres redis; do expect_ports stranger "client-$to" none; done
    for from in worker control-plane test; do
        expect_ports "$from" client-postgres 5432
        expect_ports "$from" client-redis 6379
    done
    expect_ports redis client-postgres none
    expect_ports postgres client-redis none
    stop_client client-other
}
# expect_ports LABEL POD PORTS: the ports of the pod that the client with this label reaches.
expect_ports() {
    until_true 20 "$1 reaches of $2 just: $3" ports_are "client-$1" "$2" "$3" || say "  it reaches: $(ports "client-$1" "$2")"
    say "  $1 reaches of $2: $3"
}
ports_are() { [[ $(ports "$1" "$2") == "$3" ]]; }
ports() {
    kube exec "$1" -- bash -c 'for port in ${@:2}; do timeout 2 bash -c "</dev/tcp/$1/$port" 2>/dev/null && found+=" $port"; done
        echo ${found:-none}' bash "$(kube get pod "$2" -o jsonpath='{.status.podIP}')" $CLIENT_PORTS
}

# A pod that is labelled as a worker of another release, or in another namespace, is a stranger here.
workers_of_others() {
    local image elsewhere=$NAMESPACE-another
    image=$(client_image)
    RELEASE=another start_client client-another worker
    until_true 20 "a worker of another release is a stranger" reaches client-another "worker control-plane api names"
    say "  a worker of another release reaches: $(reached client-another)"
    stop_client client-another
    kubectl create namespace "$elsewhere" >/dev/null
    until_true 20 "the namespace has its account" kubectl --namespace "$elsewhere" get serviceaccount default
    NAMESPACE=$elsewhere CLIENT_IMAGE=$image start_client client-elsewhere worker
    until_true 20 "a worker of another namespace is a stranger" reaches client-elsewhere "worker control-plane api names" "$elsewhere"
    say "  a worker of another namespace reaches: $(reached client-elsewhere "$elsewhere")"
    kubectl delete namespace "$elsewhere" --wait=false >/dev/null
}

# What the policies let through by value: metrics for those only that are named, and the API for a control plane that scales.
policies_by_value() {
    apply_policies --set 'networkPolicy.metricsFrom[0].podSelector.matchLabels.app=metrics'
    expect_reach stranger "api names"
    apply_policies "${AUTOSCALE[@]}"
    expect_reach control-plane "postgres redis api names"
    expect_reach worker "postgres redis names"
    apply_policies
    expect_reach stranger "worker control-plane api names"
    expect_reach control-plane "postgres redis names"
}
apply_policies() {
    helm template "$RELEASE" deploy --namespace "$NAMESPACE" "${HELM_ARGUMENTS[@]}" --show-only templates/network-policies.yaml "$@" |
        kube apply -f - >/dev/null 2>&1 || failed "kubectl refuses"
}
