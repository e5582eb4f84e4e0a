# Losing each kind of pod; sourced by scripts/cluster-test.

# lose WHAT LIMIT POD [COMMAND]: the pod goes, and the rows must be even among as many workers again.
lose() {
    local what=$1 limit=$2 pod=$3 by=${4:-asked_to_go} begun incarnation
    incarnation=$(sql "select distinct incarnation from scaler.slot where owner = '$pod'")
    watch_from_now
    begun=$(now_ms)
    "$by" "$pod" >/dev/null 2>&1 || failed "$what: $by does not work"
    until_true 10 "$what: it is noticed" is_noticed "$pod"
    until_true 120 "$what: even again" is_even "$WORKERS" || return 0
    say "  $what: even again, $(loads), after $(($(now_ms) - begun)) ms"
    until_true 60 "$WORKERS workers" has_live_pods worker "$WORKERS"
    past_some_ticks 5
    judge "$limit"
}
# A worker has lost its slots, the leader its lead, Redis and Postgres their connections.
is_noticed() {
    case $1 in
        worker-*) [[ $(sql "select count(*) from scaler.slot where incarnation = '$incarnation'") == 0 ]] ;;
        control-plane-*) [[ $(leader_pod) != "$1" ]] ;;
        redis-*) [[ $(any_pod redis) != "$1" ]] ;;
        *) ! sql 'select 1' ;;
    esac
}

asked_to_go() { kube delete pod "$1" --wait=false; }

scenario_losses() {
    local leader rows
    lose "a worker is deleted" 0 "$(any_pod worker)"
    lose_without_grace
    leader=$(leader_pod)
    lose "the leader is deleted" 0 "$leader"
    lose "redis is deleted" 0 "$(any_pod redis)"
    rows=$(sql 'select count(*) from public.work_items')
    lose "postgres-0 is deleted" 60 postgres-0
    expect "rows after postgres-0 was deleted" "$(sql 'select count(*) from public.work_items')" "$rows"
}
leader_pod() {
    local pod
    for pod in $(pods control-plane); do
        if kube logs "$pod" -c control-plane | grep -E 'INFO elected leader|is a standby' | tail -n 1 | grep -q 'INFO elected leader'; then echo "$pod"; fi
    done | head -n 1
}

# A force deletion still asks first, so the process is killed from a pod that sees the node's processes, and deleted at once,
# before its container starts again. Its log tells nothing of leaving.
lose_without_grace() {
    local victim log
    victim=$(any_pod worker)
    start_killer "$victim"
    log=$(mktemp)
    kubectl --namespace "$NAMESPACE" logs --follow "$victim" >"$log" 2>&1 &
    lose "a worker is killed and deleted without grace" 6 "$victim" killed
    kill $! 2>/dev/null
    wait $! 2>/dev/null
    expect "lines in its log" "$(($(wc -l <"$log") > 0))" 1
    expect "lines in its log that tell of leaving" "$(grep -cE 'drain' "$log")" 0
    rm "$log"

    stop_client killer
    victim=$(any_pod worker)
    start_killer "$victim"
    lose "a worker is killed, and starts again in its pod" 6 "$victim" killed_only
    expect "how its container ended" "$(kube get pod "$victim" -o jsonpath='{.status.containerStatuses[0].lastState.terminated.exitCode}')" 137
    stop_client killer
}
killed() { killed_only "$1" && kube delete pod "$1" --wait=false --grace-period=0 --force; }
killed_only() { kube exec killer -- sh -c 'kill -KILL $(grep -lz "^POD_NAME='"$1"'$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)'; }
# A pod on the node of another, from which that one's process can be killed.
start_killer() {
    kube wait --for=delete pod/killer --timeout=30s >/dev/null
    kube apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: killer}
spec:
  nodeName: $(node_of "$1")
  hostPID: true
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers:
    - name: killer
      image: $(kube get pod postgres-0 -o jsonpath='{.spec.containers[0].image}')
      command: [sleep, infinity]
      securityContext: {runAsUser: 0, capabilities: {add: [SYS_PTRACE, KILL]}}
YAML
    kube wait --for=condition=Ready pod/killer --timeout=30s >/dev/null || failed "no pod to kill from"
}
