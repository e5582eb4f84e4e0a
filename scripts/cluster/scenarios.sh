# What scripts/cluster-test plays; sourced. Each scenario leaves WORKERS workers behind.

install_release() { helm install "$RELEASE" deploy --namespace "$NAMESPACE" --set "worker.replicaCount=$WORKERS" "${HELM_ARGUMENTS[@]}" "$@" >/dev/null || failed "helm refuses"; }
# Waits for nothing: the scenarios look at the rows themselves.
upgrade() { helm upgrade "$RELEASE" deploy --namespace "$NAMESPACE" --set "worker.replicaCount=$WORKERS" "${HELM_ARGUMENTS[@]}" "$@" >/dev/null || failed "helm refuses"; }
# An earlier run's may still be on its way out.
create_namespace() {
    kubectl wait --for=delete "namespace/$NAMESPACE" --timeout=120s >/dev/null 2>&1 || true
    kubectl create namespace "$NAMESPACE" >/dev/null
}
witness() { sql_file scripts/cluster/audit.sql >/dev/null; }
add_items() { sql "insert into public.work_items (id, value) select gen_random_uuid(), 0 from generate_series(1, $1)" >/dev/null; }

scenario_fresh() {
    local begun
    create_namespace
    begun=$(now_ms)
    install_release
    until_true 120 "all rows are ticked" is_even "$WORKERS" || return 0
    say "  fresh namespace to all 10 rows ticked, $(loads): $(($(now_ms) - begun)) ms (limit 60000)"
    expect "rows" "$(sql 'select count(*) from public.work_items')" 10
    expect "helm test" "$(helm test "$RELEASE" --namespace "$NAMESPACE" 2>&1 | sed -n 's/^Phase: *//p')" Succeeded
    expect "pods of the test that are left" "$(kube get pods -l app=test -o name)" ""
    expect_spread
    witness
}

scenario_commands() { source scripts/cluster/commands.sh; }

scenario_scale() {
    local to
    for to in 5 2; do
        watch_from_now
        upgrade --set "worker.replicaCount=$to"
        until_true 90 "even among $to" is_even "$to" || continue
        say "  worker.replicaCount=$to: even, $(loads), after $took ms"
        until_true 60 "$to pods" has_live_pods worker "$to"
        expect_least_movement
        judge 0
    done
    upgrade
    until_true 60 "even among $WORKERS" is_even "$WORKERS"
}

past_some_ticks() { until_true 60 "$1 more ticks" past "$(($(tick) + $1))"; }

scenario_updates() {
    local worker=worker.podAnnotations.update control=controlPlane.podAnnotations.update
    add_items 490
    past_some_ticks 3
    update "of the workers" --set "$worker=first"
    update "of the control plane" --set "$worker=first" --set "$control=first"
    update "of both at once" --set "$worker=second" --set "$control=second"
    sql 'delete from public.work_items where id in (select id from public.work_items offset 10)' >/dev/null
    upgrade
    settle_down
}
# update WHAT HELM ARGUMENTS...: pods are replaced; no slot moves twice, and no tick is missed.
update() {
    local what=$1
    shift
    watch_from_now
    upgrade "$@"
    settle_down
    expect_spread
    say "  rolling update $what under $(sql 'select count(*) from public.work_items') items: even again after $(($(tick) - first_tick)) s"
    past_some_ticks 5
    expect_one_move_each
    judge 0
}
# Waits until every rollout is over and the rows are even.
settle_down() {
    local deployment
    for deployment in worker control-plane; do kube rollout status "deployment/$deployment" --timeout=180s >/dev/null || failed "no rollout"; done
    until_true 120 "the old workers are gone" has_live_pods worker "$WORKERS"
    until_true 120 "the old control planes are gone" has_live_pods control-plane 2
    until_true 60 "even again" is_even "$WORKERS"
}

scenario_refusals() {
    local value said
    for value in worker.replicaCount=many worker.replicaCout=3 ring=circle postgres.mode=none worker.drainTimeoutSeconds=50; do
        if said=$(helm upgrade "$RELEASE" deploy --namespace "$NAMESPACE" --set "$value" --dry-run 2>&1); then
            failed "$value is accepted"
        else
            say "  $value: $(sed -n 's/^- //p; s/.*execution error at [^ ]* //p' <<<"$said" | head -n 1)"
        fi
    done
}

scenario_releases() {
    local rows sum begun
    watch_from_now
    upgrade --set-string worker.env.PRINT_IDS=changes
    kube rollout status deployment/worker --timeout=180s >/dev/null || failed "no rollout"
    helm rollback "$RELEASE" --namespace "$NAMESPACE" >/dev/null
    settle_down
    say "  upgrade and rollback: $(($(tick) - first_tick)) s"
    judge 0

    rows=$(sql 'select count(*) from public.work_items')
    sum=$(sql 'select sum(value) from public.work_items')
    helm uninstall "$RELEASE" --namespace "$NAMESPACE" 2>&1 | sed -n 's/^\[/  uninstall keeps [/p'
    until_true 120 "all pods are gone" no_pods
    until_true 60 "nothing but the claim is left" only_the_claim_is_left || say "  left: $(what_is_left)"
    begun=$(now_ms)
    install_release
    until_true 120 "all rows are ticked" is_even "$WORKERS" || return 0
    say "  reinstalled on the old data: all rows ticked after $(($(now_ms) - begun)) ms"
    expect "rows" "$(sql 'select count(*) from public.work_items')" "$rows"
    (($(sql 'select sum(value) from public.work_items') >= sum)) || failed "values have fallen"
}
what_is_left() { kube get all,secret,configmap,pvc,serviceaccount,role,rolebinding,networkpolicy -o name 2>/dev/null | grep -vE 'kube-root-ca|service/kubernetes|serviceaccount/default' | paste -sd' '; }
only_the_claim_is_left() { [[ $(what_is_left) == persistentvolumeclaim/postgres-pvc ]]; }
no_pods() { [[ -z $(kube get pods -o name) ]]; }
