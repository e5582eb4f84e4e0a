"""Checks the alerts and the dashboard without Prometheus: scripts/alerts-test calls this with the rendered chart.

Each alert has a test, a runbook and the address of the runbook; each query selects metrics, labels and values that exist."""

import re
import sys

import reference
import rules
import system

RUNBOOKS = "docs/operate/alerts.md"
# Labels that Prometheus adds to all series.
TARGET_LABELS = {"namespace", "pod"}


def complaints(groups):
    """Each thing that is not as it must be, in words."""
    names = reference.sample_names(reference.read())
    alerts = rules.alerts(groups)
    yield from of_alerts(alerts)
    for rule in alerts:
        yield from of_query(rule["alert"], rule["expr"], names, f'"{rules.NAMESPACE}"')
    for title, query, legend in rules.dashboard_queries():
        yield from of_query(title, query, names, '"$namespace"')
        if set(re.findall(r"\{\{(\w+)\}\}", legend)) - labels_of(query, names):
            yield f"{title}: the legend {legend} names a label that the query does not return"
    for query in rules.dashboard_variables():
        name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
        if name not in names or label not in {*names[name], *TARGET_LABELS}:
            yield f"the dashboard's variable {query} names a metric or a label that does not exist"


def of_alerts(alerts):
    """Each alert has a test, a runbook, and its address."""
    _, cases = system.read_cases()
    tested = {case.alert for case in cases}
    with open(RUNBOOKS, encoding="utf-8") as file:
        explained = re.findall(r"^## (\w+)$", file.read(), re.MULTILINE)
    present = {rule["alert"] for rule in alerts}
    for rule in alerts:
        alert = rule["alert"]
        if alert not in tested:
            yield f"{alert} has no case in scripts/alerts/cases.yaml"
        if alert not in explained:
            yield f"{alert} has no section in {RUNBOOKS}"
        if rule["annotations"].get("runbook_url") != f"{RUNBOOKS}#{alert.lower()}":
            yield f"{alert}: runbook_url is not the address of its section in {RUNBOOKS}"
    for gone in {*tested, *explained} - present:
        yield f"{gone} has a case or a section in {RUNBOOKS}, but the chart has no such alert"


def of_query(where, query, names, namespace):
    """The query selects series that exist, of one namespace."""
    for name, matchers in rules.selectors(query):
        if name not in names:
            yield f"{where}: {reference.PAGE} has no {name}"
            continue
        if ("namespace", "=", namespace.strip('"')) not in matchers:
            yield f"{where}: {name} is selected from all namespaces"
        for label, operator, value in matchers:
            known = names[name].get(label)
            if label not in {*names[name], *TARGET_LABELS}:
                yield f"{where}: {name} has no label {label}"
            elif known and not set(value.split("|") if "~" in operator else [value]) <= known:
                yield f"{where}: {label} of {name} is never {value}"
    for label in rules.grouping(query) - TARGET_LABELS:
        if not any(label in names.get(name, {}) for name, _ in rules.selectors(query)):
            yield f"{where}: no metric of the query has the label {label}"


def labels_of(query, names):
    """The labels that the query may return."""
    aggregated = re.search(r"\b(sum|max|min|avg|count)\b", query)
    selected = {label for name, _ in rules.selectors(query) for label in names.get(name, {})}
    return rules.grouping(query) if aggregated else {*TARGET_LABELS, *selected}


groups = rules.read(sys.argv[1])
found = list(complaints(groups))
print("\n".join(found), end="\n" if found else "", file=sys.stderr)
if not found:
    used = (len(rules.alerts(groups)), len(rules.dashboard_queries()), len(reference.read()))
    print("{} alerts and {} queries of the dashboard are sound; the reference has {} metrics".format(*used))
sys.exit(bool(found))
