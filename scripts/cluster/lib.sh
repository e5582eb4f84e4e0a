# Helpers of scripts/cluster-test; sourced. They use NAMESPACE and RELEASE.

now_ms() { date +%s%3N; }

# Prints a finding, and counts it as a failure if it begins with "FAILED".
failures=0
say() { printf '%s\n' "$*"; }
failed() {
    failures=$((failures + 1))
    say "  FAILED: $*"
}

# expect WHAT ACTUAL WANTED
expect() {
    if [[ $2 == "$3" ]]; then say "  $1: $2"; else failed "$1: $2, expected $3"; fi
}

kube() { kubectl --namespace "$NAMESPACE" "$@"; }
# The pod of the Postgres that takes writes, and its superuser. The scenario of CloudNativePG sets another.
DATABASE_USER=user
database_pod() {
    if [[ $DATABASE_USER == postgres ]]; then kube get pods -l cnpg.io/instanceRole=primary -o jsonpath='{.items[0].metadata.name}'; else echo postgres-0; fi
}
in_database() { kube exec -i "$(database_pod)" -c postgres -- psql -U "$DATABASE_USER" -d mydatabase -qAtX -v ON_ERROR_STOP=1 "$@"; }
sql() { in_database -c "$1" </dev/null; }
sql_file() { in_database <"$1"; }
tick() { sql 'select tick from scaler.clock()'; }

# until_true SECONDS WHAT COMMAND...: waits for a condition; sets `took` to the milliseconds that it took.
until_true() {
    local patience=$1 what=$2 begun
    shift 2
    begun=$(now_ms)
    until "$@" >/dev/null 2>&1; do
        if (($(now_ms) > begun + patience * 1000)); then
            failed "$what: not within $patience s"
            return 1
        fi
        sleep 0.2
    done
    took=$(($(now_ms) - begun))
}

# All items were ticked in this tick or the last, by so many workers, whose loads differ by no more than the heaviest slot.
is_even() {
    [[ $(sql "select case when count(*) = $1 and max(items) - min(items) <= max(heaviest) and bool_and(fresh) then 'even' end from (
        select s.owner, count(*) as items, bool_and(s.last_tick >= c.tick - 1) as fresh, max(n) as heaviest
        from (select w.id, scaler.slot_of(w.id) as slot, count(*) over (partition by scaler.slot_of(w.id)) as n from public.work_items w) w
        join scaler.slot s using (slot), scaler.clock() c group by s.owner) loads") == even ]]
}
loads() { sql "select string_agg(items::text, '/' order by items desc) from (select count(*) as items from public.work_items w
    join scaler.slot s on s.slot = scaler.slot_of(w.id) group by s.owner) as loads"; }
pods() { kube get pods -l "app=$1" --field-selector=status.phase=Running -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}'; }
any_pod() { pods "$1" | head -n 1; }
has_pods() { [[ $(pods "$1" | wc -l) == "$2" ]]; }
has_live_pods() { [[ $(kube get pods -l "app=$1" -o name | wc -l) == "$2" ]]; }

# Nodes that take any pod.
usable_nodes() { kubectl get nodes -o go-template='{{range .items}}{{$usable := not .spec.unschedulable}}{{range .spec.taints}}{{if ne .effect "PreferNoSchedule"}}{{$usable = false}}{{end}}{{end}}{{if $usable}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}'; }
node_of() { kube get pod "$1" -o jsonpath='{.spec.nodeName}'; }
# Numbers of pods on each node that has any, such as 2/1.
spread_of() {
    kube get pods -l "app=$1" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.spec.nodeName}}{{"\n"}}{{end}}{{end}}' |
        sort | uniq -c | awk '{print $1}' | sort -rn | paste -sd/
}
# even_spread PODS NODES: the numbers of so many pods that are spread over so many nodes.
even_spread() { for ((i = 0; i < $2 && i < $1; i++)); do echo "$((($1 - i + $2 - 1) / $2))"; done | paste -sd/; }
expect_spread() {
    local nodes
    nodes=$(usable_nodes | wc -l)
    expect "workers on each of $nodes nodes" "$(spread_of worker)" "$(even_spread "$WORKERS" "$nodes")"
    expect "control planes on each of them" "$(spread_of control-plane)" "$(even_spread 2 "$nodes")"
}

# start_client NAME LABEL: a pod of Postgres' image with the certificate of the programs. It only listens, on CLIENT_PORTS: those of
# Postgres, Redis and the programs, and one that no policy names. No service leads to it. It stands on another node than the API
# server where there is one, since a pod always reaches its own node.
CLIENT_PORTS='5432 6379 8080 9090'
start_client() {
    local node
    node=$(usable_nodes | grep -vx "$(api_node)" | head -n 1)
    kube apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, labels: {app: $2, app.kubernetes.io/instance: "$RELEASE"}}
spec:
  ${node:+nodeName: $node}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 0
  containers:
    - name: client
      image: ${CLIENT_IMAGE:-$(client_image)}
      command: [perl, -MIO::Socket::INET, -e, '@listeners = map { IO::Socket::INET->new(LocalPort => \$_, Listen => 8) or die \$! } qw($CLIENT_PORTS); sleep']
      readinessProbe: {exec: {command: ["false"]}}
      volumeMounts: [{name: tls, mountPath: /tls}]
  volumes:
    - {name: tls, secret: {secretName: client-tls, defaultMode: 0400, optional: true}}
YAML
    kube wait --for=jsonpath='{.status.phase}'=Running "pod/$1" --timeout=60s >/dev/null || failed "pod $1 does not start"
}
client_image() { kube get pod "$(database_pod)" -o jsonpath='{.spec.containers[0].image}'; }
stop_client() { kube delete pod "$@" --wait=false --grace-period=0 --force >/dev/null 2>&1; }

# From here to `judge`, every increment and every movement counts.
watch_from_now() {
    sql 'set client_min_messages = warning; truncate test.moves; drop table if exists test.before; create table test.before as select slot, owner, epoch from scaler.slot' >/dev/null
    first_tick=$(($(tick) + 1))
    until_true 5 "a tick" past "$first_tick"
}
past() { (($(tick) > $1)); }

# judge LIMIT: no item was incremented twice in a tick, none unticked for longer than LIMIT seconds; with 0, no tick was missed.
judge() {
    local last doubles missed gap
    last=$(($(tick) - 2))
    doubles=$(sql "select count(*) from (select from test.audit group by id, tick having count(*) > 1) d")
    missed=$(sql "select count(*) from test.alive a cross join generate_series(greatest($first_tick, a.since + 2), $last) t
        where not exists (select from test.audit x where x.id = a.id and x.tick = t)")
    gap=$(sql "select coalesce(max(gap), 0) from (select tick - lag(tick) over (partition by id order by tick) - 1 as gap
        from test.audit where tick between $first_tick - 1 and $last) g")
    expect "items incremented twice in a tick, since the beginning" "$doubles" 0
    if (($1 == 0)); then
        expect "ticks missed in $((last - first_tick + 1)) s by any of $(sql 'select count(*) from public.work_items') items" "$missed" 0
        ((missed == 0)) || say "  missed, by tick: $(missed_by_tick "$last")"
    elif ((gap <= $1)); then
        say "  ticks missed: $missed; longest without an increment: $gap s (limit $1)"
    else
        failed "an item was not incremented for $gap s (limit $1)"
    fi
}

# The ticks that items missed since `watch_from_now`, each with the workers that had ticked them last: `+7 s: 50 of worker-a`.
missed_by_tick() {
    sql "with missed as (
            select t, (select x.worker from test.audit x where x.id = a.id and x.tick < t order by x.tick desc limit 1) as worker
            from test.alive a cross join generate_series(greatest($first_tick, a.since + 2), $1) t
            where not exists (select from test.audit x where x.id = a.id and x.tick = t))
        select string_agg(format('+%s s: %s of %s', t - $first_tick, items, worker), ', ' order by t, worker)
        from (select t, worker, count(*) as items from missed group by t, worker) as each_tick"
}

# What moved since `watch_from_now`, beside the least that leads from those loads to these: items, least, slots, least.
movements() {
    sql "with moved as (select s.slot, s.epoch - b.epoch as times, b.owner as was, s.owner from scaler.slot s join test.before b using (slot)),
            held as (select m.*, (select count(*) from public.work_items w where scaler.slot_of(w.id) = m.slot) as items from moved m),
            least as (select coalesce(sum(greatest(net, 0)), 0) as slots, coalesce(sum(greatest(items, 0)), 0) as items from (
                select owner, sum(n) as net, sum(i) as items from (
                    select was as owner, count(*) as n, sum(items) as i from held group by was
                    union all select owner, -count(*), -sum(items) from held group by owner) as flow group by owner) as flows)
        select concat_ws(' ', sum(times * held.items), least.items, sum(times), least.slots)
        from held, least group by least.items, least.slots"
}
# Pods are told to go one after the other, and what one has to give may reach another a moment before that one is told: such
# movements are named, and count apart.
expect_least_movement() {
    local items items_least slots slots_least in_vain_items in_vain_slots
    read -r items items_least slots slots_least <<<"$(movements)"
    read -r in_vain_items in_vain_slots <<<"$(sql "select concat_ws(' ', coalesce(sum(items), 0), count(*)) from (
        select (select count(*) from public.work_items w where scaler.slot_of(w.id) = m.slot) as items from test.moves m
        where m.owner not in (select owner from scaler.slot where owner is not null)) as in_vain")"
    say "  items moved: $items, least $items_least; slots moved: $slots, least $slots_least"
    say "  of these to workers that were told to go a moment later: $in_vain_items items, $in_vain_slots slots"
    expect "items moved beside those, least $items_least" "$((items - in_vain_items))" "$items_least"
    expect "slots moved beside those, least $slots_least" "$((slots - in_vain_slots))" "$slots_least"
}

# In a rollout each slot moves at most once. It is over when nothing is left to those who go; what moves later only evens loads out.
expect_one_move_each() {
    local items items_least slots slots_least twice later
    local over='select coalesce(max(number), 0) from test.moves where was is not null and was not in (select owner from scaler.slot where owner is not null)'
    read -r items items_least slots slots_least <<<"$(movements)"
    twice=$(sql "select count(*) from (select from test.moves where number <= ($over) group by slot having count(*) > 1) as twice")
    later=$(sql "select count(*) from test.moves where number > ($over)")
    say "  items moved: $items, least $items_least; slots moved: $slots, least $slots_least; of these after the rollout: $later"
    expect "slots moved more than once in the rollout" "$twice" 0
}
