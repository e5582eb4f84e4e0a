# Every command of the original, as printed there save for its endless loop; sourced by scripts/cluster-test.
# Runs in a kubeconfig whose namespace is the release's, so that the commands need no flag.

# A kubeconfig whose present namespace is the release's; the commands' own "-n default" is put aside.
as_printed() {
    local command=$1 output
    output=$(KUBECONFIG=$scratch/kubeconfig bash -c "${command// -n default/}" 2>&1) || failed "$command"
    say "  ok: $command"
    [[ -z $output ]] && failed "it prints nothing"
    # Without a terminal kubectl says so first. Long lines and long logs are cut.
    if [[ $RECORD ]]; then
        output=$(grep -v '^Unable to use a TTY' <<<"$output" | sed 's/^\(.\{140\}\).*/\1 .../' | head -n 14)
        printf '\n```text\n$ %s\n%s\n```\n' "$command" "$output" >>"$RECORD"
    fi
}

scratch=$(mktemp -d)
kubectl config view --raw --flatten >"$scratch/kubeconfig"
KUBECONFIG=$scratch/kubeconfig kubectl config set-context --current --namespace "$NAMESPACE" >/dev/null
[[ -z $RECORD ]] || cat >"$RECORD" <<'MARKDOWN'
# The commands of the README, with their output

Written by `scripts/cluster-test --record deploy/commands.md fresh commands` on a cluster; long lines and long logs are cut.
MARKDOWN

as_printed 'kubectl get pods'
as_printed "kubectl logs \$(kubectl get pods -l app=control-plane -o jsonpath='{.items[0].metadata.name}')"
as_printed "for hash in \$(kubectl get pods -l app=worker -o=jsonpath='{.items[*].metadata.labels.pod-template-hash}'); do kubectl logs -l app=worker,pod-template-hash=\$hash --all-containers=true; done"
as_printed "kubectl logs $(any_pod worker)"
as_printed 'kubectl exec -it postgres-0 -- psql -U user -d mydatabase -c "SELECT * FROM public.work_items ORDER BY currentWorker;"'
as_printed "POD_NAME=\$(kubectl get pods -l app=redis -o=jsonpath='{.items[0].metadata.name}' -n default) && kubectl exec -it \"\$POD_NAME\" -- redis-cli hgetall workers"
rm -r "$scratch"
