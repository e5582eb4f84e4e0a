"""Raises each alert in a real Prometheus: scripts/alerts-test calls this with the rendered chart and a temporary folder.

Prometheus scrapes a target that stands for a healthy system and for one system of each case, all in namespaces of their own, and
evaluates the alerts of all of them. Each case must raise its alert and no other, the healthy system none. At the end, each
query of the dashboard must return series for the healthy system. Time runs faster: see faster.py."""

import re
import sys
import time
from pathlib import Path

import faster
import rules
import system
from exposition import Target
from prometheus import Prometheus

# How many times as fast as that of a machine time runs. Each is for a machine that is too busy for the one before.
SPEEDS = (120, 60, 30)
# Interval of scrapes, time-out of scrapes, and time in which all alerts must fire, in the time of the system.
SCRAPES_S = 60
PATIENCE_S = 80 * 60
HEALTHY = "healthy"


def main(rendered, folder):
    """Prints a line for each alert. Returns whether all is as it must be."""
    for speed in SPEEDS:
        run = folder / str(speed)
        run.mkdir()
        result = attempt(rules.read(rendered), run, speed)
        if result is not None:
            return result
        print(f"alerts-test: the machine is too busy for {speed} times the speed", file=sys.stderr)
    return False


def attempt(groups, folder, speed):
    """Whether all is as it must be; None if the machine is too busy to tell."""
    healthy, cases = system.read_cases()
    by_namespace = {case.title.lower(): case for case in cases}
    systems = {HEALTHY: list(system.system(healthy, []))}
    # Fewer series keep the scrapes short: only the healthy system exposes all metrics.
    used = rules.metrics_of(groups)
    systems |= {
        namespace: [series for series in system.system(healthy, case.faults) if series.name in used]
        for namespace, case in by_namespace.items()
    }
    with Target(systems, speed) as target, Prometheus(folder, target.port, SCRAPES_S * 1000 // speed) as prometheus:
        # Only now: before the first scrape no leader is known, and an early step of a counter would be its first value.
        prometheus.evaluate([group for namespace in systems for group in faster.groups_at(speed, groups, namespace)])
        target.start()
        seen = watch(prometheus, by_namespace, PATIENCE_S / speed)
        queries = rules.dashboard_queries()
        complaints = [complaint for query in queries if (complaint := unanswered(prometheus, *query))]
        if prometheus.is_late():
            return None
    verdicts = [verdict(case, seen.get(namespace, {})) for namespace, case in by_namespace.items()]
    unwanted = ", ".join(seen.get(HEALTHY, {}))
    print(f"a healthy system: {f'{unwanted} FIRES' if unwanted else 'none fires'}")
    print("\n".join(complaints) if complaints else f"all {len(queries)} queries of the dashboard return series")
    return all(verdicts) and not unwanted and not complaints


def watch(prometheus, by_namespace, patience_s):
    """The labels of the alerts that fired in each namespace, by alert, until each case has raised its own."""
    seen, end = {}, time.monotonic() + patience_s
    missing = set(by_namespace)
    while missing and time.monotonic() < end and not prometheus.is_late():
        for alert in prometheus.alerts():
            labels = dict(alert["labels"])
            namespace, name = labels.pop("case"), labels.pop("alertname")
            if alert["state"] == "firing":
                seen.setdefault(namespace, {})[name] = labels
        missing = {namespace for namespace in missing if by_namespace[namespace].alert not in seen.get(namespace, {})}
        time.sleep(0.5)
    return seen


def verdict(case, fired):
    """Prints and returns whether the case raised its alert with the expected labels, and no other alert."""
    wanted = {"severity": case.severity, **case.labels}
    if "namespace" in wanted:
        wanted["namespace"] = case.title.lower()
    others = sorted(fired.keys() - {case.alert, *case.later})
    if case.alert not in fired:
        said = "DOES NOT FIRE"
    elif fired[case.alert] != wanted:
        said = f"fires with the labels {fired[case.alert]}, EXPECTED {wanted}"
    elif others:
        said = f"fires, AND SO DOES {', '.join(others)}"
    else:
        said = "fires"
    print(f"{case.alert}{f' ({case.name})' if case.name else ''}: {said}")
    return said == "fires"


def unanswered(prometheus, title, query, legend):
    """What is wrong with the answer to a query of the dashboard; None if nothing is."""
    series = prometheus.query(query.replace("$namespace", HEALTHY))
    labels = re.findall(r"\{\{(\w+)\}\}", legend)
    if not series or any(label not in one["metric"] for one in series for label in labels):
        return f"dashboard, {title}: {query} RETURNS {series}"
    return None


sys.exit(not main(sys.argv[1], Path(sys.argv[2])))
