# Losing nodes; sourced by scripts/cluster-test. What kubectl cannot do is done by commands of the environment, in which %s stands
# for the name of a node: NODE_KILL takes its power away and NODE_START gives it back, NODE_CUT takes it off the network and
# NODE_JOIN puts it back, NODE_CUT_API cuts it off from the API server only and NODE_JOIN_API ends that.

scenario_nodes() {
    local nodes
    nodes=$(usable_nodes | wc -l)
    if ((nodes < 3)); then say "  not played: it takes three nodes, and there are $nodes" && return; fi
    spread_over_zones
    drain_each_kind
    if has_commands "loss of a node" NODE_KILL NODE_START; then
        lose_node "the node of a worker and the leader loses its power" NODE_KILL NODE_START 0
        lose_node_of_postgres
    fi
    if has_commands "a node cut off" NODE_CUT NODE_JOIN; then
        lose_node "the node of a worker and the leader is cut off" NODE_CUT NODE_JOIN 45
    fi
    if has_commands "a node cut off from the API server" NODE_CUT_API NODE_JOIN_API; then cut_off_from_api; fi
}
has_commands() {
    local what=$1 name
    shift
    for name; do [[ ${!name:-} ]] || { say "  not played: $what, since $name is not set" && return 1; }; done
}
# on_node VARIABLE NODE: runs the command that this variable of the environment has.
on_node() {
    local command
    # shellcheck disable=SC2059
    printf -v command "${!1}" "$2"
    bash -c "$command" >/dev/null 2>&1 || failed "$command"
}

# Rolling updates leave pods spread, whether nodes have zone labels or not.
spread_over_zones() {
    local zone=topology.kubernetes.io/zone labelled node number=0
    labelled=$(kubectl get nodes -l "$zone" -o name)
    roll_out "nodes as they are"
    if [[ ! $labelled ]]; then
        for node in $(usable_nodes); do kubectl label node "$node" "$zone=zone-$((number++ / 2))" >/dev/null; done
        roll_out "two zones"
        for node in $(usable_nodes); do kubectl label node "$node" "$zone-" >/dev/null; done
    fi
}
# roll_out WHY: new workers and control planes, spread over all nodes.
roll_out() {
    upgrade --set-string "worker.podAnnotations.update=$(now_ms)" --set-string "controlPlane.podAnnotations.update=$(now_ms)"
    settle_down
    say "  rolling update, $1:"
    expect_spread
}

drain_each_kind() {
    local kind pod away node
    roll_out "before drains"
    # A rolling update replaces all of them, so each is looked for when it is its turn.
    for kind in "follower_of worker" leader_pod; do
        until_true 60 "a pod to drain" eval "[[ \$($kind) ]]" || continue
        pod=$($kind)
        node=$(node_of "$pod")
        watch_from_now
        drain "$node"
        settle_down
        say "  $node of $pod drained:"
        expect_spread
        past_some_ticks 5
        kubectl uncordon "$node" >/dev/null
        judge 0
        roll_out "after a drain"
    done
    node=$(node_of postgres-0)
    watch_from_now
    sql_later() { ! sql 'select 1'; }
    drain "$node" &
    until_true 60 "postgres-0 leaves" sql_later
    until_true 120 "Postgres is back" sql 'select 1'
    away=$took
    wait $!
    settle_down
    kubectl uncordon "$node" >/dev/null
    say "  $node of postgres-0 drained: away for $away ms"
    judge "$((away / 1000 + 5))"
    roll_out "after a drain"
}
drain() { kubectl drain "$1" --ignore-daemonsets --delete-emptydir-data --force --pod-selector="app.kubernetes.io/instance=$RELEASE" --timeout=180s >/dev/null 2>&1 || failed "$1 cannot be drained"; }
# A worker whose node has neither the leader nor Postgres, if there is one.
follower_of() {
    local pod others
    others="$(node_of "$(leader_pod)") $(node_of postgres-0)"
    for pod in $(pods "$1"); do [[ " $others " == *" $(node_of "$pod") "* ]] || { echo "$pod" && return; }; done
    any_pod "$1"
}

# The node of the API server, if it is one of the cluster's, must stay.
safe_node() {
    local node
    node=$(api_node)
    echo "${node:-$(usable_nodes | head -n 1)}"
}
api_node() {
    local address
    address=$(kubectl --namespace default get endpointslices -l kubernetes.io/service-name=kubernetes -o jsonpath='{.items[0].endpoints[0].addresses[0]}')
    kubectl get nodes -o go-template='{{range .items}}{{$name := .metadata.name}}{{range .status.addresses}}{{.address}} {{$name}}{{"\n"}}{{end}}{{end}}' | awk -v address="$address" '$1 == address {print $2; exit}'
}
# move_to NODE POD...: pods that are made anew elsewhere.
move_to() {
    local node=$1 other others
    shift
    others=$(usable_nodes | grep -vx "$node")
    for other in $others; do kubectl cordon "$other" >/dev/null; done
    kube delete pod "$@" >/dev/null
    until_true 120 "servers are back" servers_are_back
    for other in $others; do kubectl uncordon "$other" >/dev/null; done
}
servers_are_back() { kube wait --for=condition=Ready pod -l 'app in (postgres, redis)' --timeout=1s && sql 'select 1'; }

# Postgres and Redis stand on the safe node; workers and control planes on all; the leader on another.
arrange() {
    local safe
    safe=$(safe_node)
    move_to "$safe" postgres-0 "$(any_pod redis)"
    roll_out "servers on $safe"
    if [[ $(node_of "$(leader_pod)") == "$safe" ]]; then
        kube delete pod "$(leader_pod)" >/dev/null
        settle_down
    fi
    until_true 60 "a leader elsewhere" leads_elsewhere "$safe"
}
leads_elsewhere() {
    local leader
    leader=$(leader_pod)
    [[ $leader && $(node_of "$leader") != "$1" ]]
}

# lose_node WHAT BY BACK SECONDS: the node goes, and after so many seconds, or when its pods have been replaced, it is back.
lose_node() {
    local what=$1 by=$2 back=$3 seconds=$4 node begun
    arrange
    node=$(node_of "$(leader_pod)")
    watch_from_now
    begun=$(now_ms)
    on_node "$by" "$node"
    until_true 60 "$what: the slots of its worker are owned by others" none_own_on "$node"
    say "  $what: taken over after $(($(now_ms) - begun)) ms"
    until_true 180 "$what: even again" is_even "$WORKERS"
    while (($(now_ms) < begun + seconds * 1000)); do sleep 0.5; done
    past_some_ticks 3
    judge 9
    watch_from_now
    on_node "$back" "$node"
    kubectl wait --for=condition=Ready "node/$node" --timeout=120s >/dev/null || failed "$node is not back"
    settle_down
    past_some_ticks 5
    say "  $what: it is back:"
    judge 0
}
# None of the pods on this node owns a slot.
none_own_on() {
    local pods
    pods=$(kube get pods -l app=worker --field-selector="spec.nodeName=$1" -o go-template='{{range .items}}{{.metadata.name}} {{end}}')
    [[ $(sql "select count(*) from scaler.slot where owner = any (string_to_array(trim('$pods'), ' '))") == 0 ]]
}

# Its volume is free only when Kubernetes is told that the node will not come back by itself.
lose_node_of_postgres() {
    local node sum begun
    node=$(usable_nodes | grep -vx "$(safe_node)" | head -n 1)
    move_to "$node" postgres-0
    settle_down
    watch_from_now
    sum=$(sql 'select sum(value) from public.work_items')
    on_node NODE_KILL "$node"
    kubectl wait --for=condition=Ready=Unknown "node/$node" --timeout=180s >/dev/null || failed "$node is not missed"
    kubectl taint node "$node" node.kubernetes.io/out-of-service=nodeshutdown:NoExecute >/dev/null
    until_true 180 "Postgres is back" sql 'select 1'
    begun=$(now_ms)
    (($(sql 'select sum(value) from public.work_items') >= sum)) || failed "increments are lost"
    until_true 10 "the node of Postgres loses its power: all rows are ticked" all_are_ticked
    say "  the node of Postgres loses its power: all rows are ticked $(($(now_ms) - begun)) ms after Postgres is back (limit 10000)"
    on_node NODE_START "$node"
    kubectl taint node "$node" node.kubernetes.io/out-of-service- >/dev/null
    kubectl wait --for=condition=Ready "node/$node" --timeout=120s >/dev/null || failed "$node is not back"
    settle_down
    judge 180
}
all_are_ticked() { [[ $(sql 'select bool_and(s.last_tick >= c.tick - 1) from public.work_items w join scaler.slot s on s.slot = scaler.slot_of(w.id), scaler.clock() c') == t ]]; }

# Kubernetes replaces its pods, and they work on.
cut_off_from_api() {
    local node
    arrange
    node=$(node_of "$(leader_pod)")
    watch_from_now
    on_node NODE_CUT_API "$node"
    sleep 50
    on_node NODE_JOIN_API "$node"
    kubectl wait --for=condition=Ready "node/$node" --timeout=120s >/dev/null || failed "$node is not back"
    settle_down
    past_some_ticks 5
    say "  a node cut off from the API server for 50 s:"
    judge 0
}
