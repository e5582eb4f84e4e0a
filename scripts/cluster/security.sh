# What the accounts may do, and who reaches whom; sourced by scripts/cluster-test.

scenario_rights() {
    local account
    for account in control-plane worker postgres redis; do expect_rights "$account" ''; done
    expect "pods with a token" "$(kube get pods -o json | grep -c '"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"')" 0
}
# expect_rights ACCOUNT LIST: what a service account may do beyond what Kubernetes lets all accounts do, as kubectl lists it.
expect_rights() {
    local list
    list=$(comm -13 <(rights_of nobody) <(rights_of "system:serviceaccount:$NAMESPACE:$1" "system:serviceaccounts:$NAMESPACE") | paste -sd';')
    expect "rights of $1" "${list:-none}" "${2:-none}"
}
# rights_of USER [GROUP]
rights_of() {
    kubectl auth can-i --list --no-headers --namespace "$NAMESPACE" --as "$1" --as-group system:authenticated --as-group system:serviceaccounts ${2:+--as-group "$2"} |
        sed 's/  */ /g; s/ *$//' | sort -u
}

# refused WHAT REASON ANSWER: a client was told why it may not come in, or the server's log says why.
refused() {
    local reason
    if reason=$(grep -oE "$2" <<<"$3"); then say "  $1: refused, ${reason%%$'\n'*}"; else failed "$1: $3"; fi
}

scenario_tls() {
    local certificate='sslmode=verify-full sslrootcert=/tls/ca.crt sslcert=/tls/tls.crt sslkey=/tls/tls.key'
    start_client client test
    give_certificate deploy/redis
    until_true 20 "a client that the network policies let in" lets_in
    refused "Postgres, without a certificate" 'connection requires a valid client certificate' "$(to_postgres sslmode=require)"
    refused "Postgres, without TLS" 'no pg_hba.conf entry for .* no encryption' "$(to_postgres sslmode=disable)"
    expect "Postgres, with the programs' certificate" "$(to_postgres "$certificate")" t
    refused "Redis, without a certificate" 'peer did not return a certificate' "$(to_redis --tls --cacert /tls/ca.crt)"
    refused "Redis, without TLS" 'wrong version number' "$(to_redis)"
    expect "Redis, with the programs' certificate" \
        "$(to_redis --tls --cacert /tmp/client/ca.crt --cert /tmp/client/tls.crt --key /tmp/client/tls.key)" PONG
    kube exec deploy/redis -- rm -r /tmp/client
    stop_client client
    # At its start the client library asks for these two, and goes on without the answers.
    expect "commands but INFO and CLIENT ID that Redis refused to the programs" \
        "$(kube exec deploy/redis -- redis-cli acl log | grep -A 1 '^object$' | grep -cvE '^(object|--|info|client\|id)$')" 0
}
lets_in() { kube exec client -- pg_isready -q -h postgres-service; }
# The certificate of workers and control plane, in the pod of a server.
give_certificate() {
    local file
    for file in ca.crt tls.crt tls.key; do
        kube get secret client-tls -o go-template="{{index .data \"$file\" | base64decode}}" |
            kube exec -i "$1" -- sh -c "umask 077; mkdir -p /tmp/client; cat >/tmp/client/$file"
    done
}
# Whether the session is encrypted, or why there is none.
to_postgres() {
    kube exec client -- env PGPASSWORD="$(kube get secret postgres-secret -o go-template='{{index .data "owner-password" | base64decode}}')" \
        psql -qAtX "host=postgres-service user=user dbname=mydatabase $1" -c 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' 2>&1
}
# PONG, or why not: only Redis' log tells.
to_redis() {
    kube exec deploy/redis -- sh -c 'PATH=${PATH#*:}; REDISCLI_AUTH=$ADMIN_PASSWORD timeout 5 redis-cli --no-auth-warning "$@" ping' sh "$@" 2>/dev/null |
        grep PONG || kube logs deploy/redis --since=5s
}
