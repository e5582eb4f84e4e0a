# Autoscaling by the control plane itself; sourced by scripts/cluster-test.

AUTOSCALE=(--set autoscale.mode=builtin --set autoscale.itemsPerWorker=50 --set autoscale.min=0 --set autoscale.max=10
    --set autoscale.upEverySeconds=3 --set autoscale.downWindowSeconds=5 --set autoscale.downEverySeconds=3)

# Whether so many workers are wanted; notes in `steps` how the number went.
wanted_is() {
    local now
    now=$(kube get deployment worker -o jsonpath='{.spec.replicas}')
    [[ ${steps##* } == "$now" ]] || steps+=" $now"
    [[ $now == "$1" ]]
}

# Items come or go; the number of workers follows, and every item left is ticked all the while.
follow() {
    local what=$1 workers=$2 seen
    steps=''
    until_true 240 "$what: $workers workers" wanted_is "$workers" || return 0
    seen=$took
    until_true 120 "$what: $workers pods" has_live_pods worker "$workers"
    if ((workers > 0)); then until_true 60 "$what: even" is_even "$workers"; fi
    say "  $what: $workers workers wanted after $seen ms, by steps$steps; there and even $took ms later, $(loads)"
}

scenario_autoscale() {
    local left
    upgrade "${AUTOSCALE[@]}"
    kube rollout status deployment/control-plane --timeout=120s >/dev/null
    expect_rights control-plane 'deployments.apps/scale [] [worker] [get patch];pods [] [] [list patch]'
    follow "10 rows" 1
    watch_from_now
    add_items 490
    follow "500 rows" 10
    # By steps, so that what the first of the new ones took from the old moves on to the later ones in part.
    say "  items moved, least in one step, slots moved, least in one step: $(movements)"
    judge 0
    upgrade_while_scaled 10
    watch_from_now
    sql 'delete from public.work_items where id in (select id from public.work_items limit 450)' >/dev/null
    follow "450 rows deleted" 1
    judge 0
    left=$(sql 'select count(*) from public.work_items')
    sql 'create table test.kept as select * from public.work_items; delete from public.work_items' >/dev/null
    follow "all $left rows deleted" 0
    sql 'insert into public.work_items select * from test.kept; drop table test.kept' >/dev/null
    follow "$left rows again" 1
    upgrade
    settle_down
}

# upgrade_while_scaled WORKERS: a rolling update leaves the number alone, and there are never fewer that are ready.
upgrade_while_scaled() {
    local log
    log=$(mktemp)
    # Even is not yet ready: the kubelet asks every few seconds.
    kube rollout status deployment/worker --timeout=60s >/dev/null || failed "not all are ready"
    kubectl --namespace "$NAMESPACE" get deployment worker --watch -o go-template='{{.spec.replicas}} {{or .status.availableReplicas 0}}{{"\n"}}' >"$log" &
    watch_from_now
    upgrade "${AUTOSCALE[@]}" --set worker.podAnnotations.update=scaled
    kube rollout status deployment/worker --timeout=180s >/dev/null || failed "no rollout"
    until_true 120 "the old workers are gone" has_live_pods worker "$1"
    until_true 60 "even again" is_even "$1"
    kill $!
    wait $! 2>/dev/null
    expect "workers wanted through an upgrade, at $(wc -l <"$log") looks" "$(cut -d' ' -f1 "$log" | sort -un | paste -sd' ')" "$1"
    expect "workers available through it, at the least" "$(cut -d' ' -f2 "$log" | sort -n | head -n 1)" "$1"
    rm "$log"
    expect_one_move_each
    judge 0
}
