# What scripts/cluster-test plays; sourced. Each scenario leaves WORKERS workers behind.

install_release() { helm install "$RELEASE" deploy --namespace "$NAMESPACE" --set "worker.replicaCount=$WORKERS" "${HELM_ARGUMENTS[@]}" "$@" >/dev/null; }
# Waits for nothing: the scenarios look at the rows themselves.
upgrade() { helm upgrade "$RELEASE" deploy --namespace "$NAMESPACE" --set "worker.replicaCount=$WORKERS" "${HELM_ARGUMENTS[@]}" "$@" >/dev/null; }
witness() { sql_file scripts/cluster/audit.sql >/dev/null; }
add_items() { sql "insert into public.work_items (id, value) select gen_random_uuid(), 0 from generate_series(1, $1)" >/dev/null; }

scenario_fresh() {
    kubectl create namespace "$NAMESPACE" >/dev/null
    local begun
    begun=$(now_ms)
    install_release
    until_true 120 "all rows are ticked" is_even "$WORKERS" || return 0
    say "  fresh namespace to all 10 rows ticked, $(loads): $(($(now_ms) - begun)) ms (limit 60000)"
    expect "rows" "$(sql 'select count(*) from public.work_items')" 10
    expect "helm test" "$(helm test "$RELEASE" --namespace "$NAMESPACE" 2>&1 | sed -n 's/^Phase: *//p')" Succeeded
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
        say "  $(movements)"
        judge 0
    done
    upgrade
    until_true 60 "even among $WORKERS" is_even "$WORKERS"
}

# lose WHAT LIMIT POD [KUBECTL ARGUMENTS...]: the pod goes, and the rows must be even among as many workers again.
lose() {
    local what=$1 limit=$2 pod=$3 begun
    shift 3
    watch_from_now
    begun=$(now_ms)
    kube delete pod "$pod" --wait=false "$@" >/dev/null 2>&1
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
        worker-*) [[ $(sql "select count(*) from scaler.slot where owner = '$1'") == 0 ]] ;;
        control-plane-*) [[ $(leader_pod) != "$1" ]] ;;
        redis-*) [[ $(any_pod redis) != "$1" ]] ;;
        *) ! sql 'select 1' ;;
    esac
}
past_some_ticks() { until_true 60 "$1 more ticks" past "$(($(tick) + $1))"; }

scenario_losses() {
    local leader rows
    lose "a worker is deleted" 0 "$(any_pod worker)"
    lose "a worker is deleted without grace" 6 "$(any_pod worker)" --grace-period=0 --force
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
        if kube logs "$pod" -c control-plane | grep -E 'leads, term|stands by' | tail -n 1 | grep -q 'INFO leads'; then echo "$pod"; fi
    done | head -n 1
}

scenario_updates() {
    add_items 490
    past_some_ticks 3
    update worker --set worker.podAnnotations.update=first
    update control-plane --set worker.podAnnotations.update=first --set controlPlane.podAnnotations.update=first
    sql 'delete from public.work_items where id in (select id from public.work_items offset 10)' >/dev/null
    upgrade
    settle_down
}
# update DEPLOYMENT HELM ARGUMENTS...: its pods are replaced, and no tick is missed.
update() {
    local deployment=$1 count
    count=$(pods "$1" | wc -l)
    shift
    watch_from_now
    upgrade "$@"
    kube rollout status "deployment/$deployment" --timeout=180s >/dev/null || failed "no rollout"
    say "  rolling update of $deployment under $(sql 'select count(*) from public.work_items') rows: $(($(tick) - first_tick)) s"
    until_true 120 "the old pods are gone" has_live_pods "$deployment" "$count"
    until_true 60 "even again" is_even "$WORKERS"
    say "  $(movements)"
    judge 0
}
settle_down() {
    kube rollout status deployment/worker --timeout=180s >/dev/null
    kube rollout status deployment/control-plane --timeout=180s >/dev/null
    until_true 120 "the old pods are gone" has_live_pods worker "$WORKERS"
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

scenario_rights() {
    local account
    for account in control-plane worker postgres redis; do rights_of "$account"; done
    expect "pods with a token" "$(kube get pods -o json | grep -c 'kube-api-access\|serviceaccount/token')" 0
}
# What a service account may do, beyond what everybody may.
rights_of() {
    local list
    list=$(kubectl auth can-i --list --namespace "$NAMESPACE" --as "system:serviceaccount:$NAMESPACE:$1" --as-group system:serviceaccounts \
        --as-group system:authenticated --no-headers | grep -vE 'selfsubject|^ +\[/' | tr -s ' ' | paste -sd';')
    say "  $1: ${list:-nothing}"
}

# The last line of what a client said, without what kubectl says about it.
refusal() { grep -v 'command terminated' <<<"$1" | tail -n 1; }

scenario_tls() {
    local said
    said=$(kube exec postgres-0 -c postgres -- sh -c 'PGPASSWORD=$POSTGRES_PASSWORD psql "host=postgres-service user=user dbname=mydatabase sslmode=require" -c "select 1"' 2>&1) &&
        failed "Postgres lets a client without a certificate in"
    say "  Postgres, without a certificate: $(refusal "$said")"
    said=$(kube exec postgres-0 -c postgres -- sh -c 'PGPASSWORD=$POSTGRES_PASSWORD psql "host=postgres-service user=user dbname=mydatabase sslmode=disable" -c "select 1"' 2>&1) &&
        failed "Postgres lets a client without TLS in"
    say "  Postgres, without TLS: $(refusal "$said")"
    said=$(kube exec deploy/redis -- sh -c 'PATH=${PATH#*:}; REDISCLI_AUTH=$ADMIN_PASSWORD timeout 5 redis-cli --tls --cacert /tls/ca.crt ping' 2>&1) || true
    say "  Redis, without a certificate: $(refusal "$said")"
    [[ $said != *PONG* ]] || failed "Redis lets a client without a certificate in"
    said=$(kube exec deploy/redis -- sh -c 'PATH=${PATH#*:}; REDISCLI_AUTH=$ADMIN_PASSWORD timeout 5 redis-cli ping' 2>&1) || true
    say "  Redis, without TLS: $(refusal "$said")"
    [[ $said != *PONG* ]] || failed "Redis lets a client without TLS in"
    expect "with a certificate" "$(kube exec deploy/redis -- redis-cli ping)" PONG
    # At its start the client library asks for these two, and goes on without the answers.
    expect "commands but INFO and CLIENT ID that Redis refused to the programs" \
        "$(kube exec deploy/redis -- redis-cli acl log | grep -A 1 '^object$' | grep -cvE '^(object|--|info|client\|id)$')" 0
}

scenario_releases() {
    local rows sum begun
    watch_from_now
    upgrade --set-string worker.env.PRINT_IDS=changes
    kube rollout status deployment/worker --timeout=180s >/dev/null
    helm rollback "$RELEASE" --namespace "$NAMESPACE" >/dev/null
    settle_down
    say "  upgrade and rollback: $(($(tick) - first_tick)) s"
    judge 0

    rows=$(sql 'select count(*) from public.work_items')
    sum=$(sql 'select sum(value) from public.work_items')
    helm uninstall "$RELEASE" --namespace "$NAMESPACE" 2>&1 | sed -n 's/^\[/  uninstall keeps [/p'
    until_true 120 "all pods are gone" no_pods
    expect "what is left" "$(kube get all,secret,configmap,pvc -o name 2>/dev/null | grep -vE 'default-token|kube-root-ca|service/kubernetes' | paste -sd' ')" persistentvolumeclaim/postgres-pvc
    begun=$(now_ms)
    install_release
    until_true 120 "all rows are ticked" is_even "$WORKERS" || return 0
    say "  reinstalled on the old data: all rows ticked after $(($(now_ms) - begun)) ms"
    expect "rows" "$(sql 'select count(*) from public.work_items')" "$rows"
    (($(sql 'select sum(value) from public.work_items') >= sum)) || failed "values have fallen"
}
no_pods() { [[ -z $(kube get pods -o name) ]]; }
