"""Writes unit tests for `promtool test rules` to a folder: scripts/alerts-test calls this with the rendered chart and the folder.

A test of each case shows that exactly its alert fires, and when; another one that its harmless faults raise no alert; a last one
that the healthy system raises none."""

import sys
from pathlib import Path

import yaml

import rules
import system

INTERVAL_S = 15
# Time after the beginning of harmless faults at which they have outlasted the `for` of all alerts but NotifiScalerPausedForLong.
LATE_S = 1500
FIRING = 'ALERTS{alertstate="firing"}'


def tests(healthy, cases, groups):
    """All unit tests."""
    used, alerts = rules.metrics_of(groups), rules.alerts(groups)
    yield test("a healthy system raises no alert", system.system(healthy, []), used, silent(alerts, [60, 600, LATE_S, 3900]))
    for case in cases:
        yield test(f"{case.title} fires", system.system(healthy, case.faults), used, fires(case, alerts))
        if case.harmless:
            yield test(f"{case.title} stays silent", system.system(healthy, case.harmless), used, silent(alerts, [LATE_S]))


def test(name, series, used, expected):
    """One unit test with those series that the rules use."""
    until_s = max(expectation["at_s"] for expectation in expected) + system.FAULTY_FROM_S
    steps = range(0, until_s + INTERVAL_S, INTERVAL_S)
    inputs = [{"series": notation(one), "values": values(one, steps)} for one in series if one.name in used]
    at = lambda expectation: {"eval_time": f"{expectation.pop('at_s') + system.FAULTY_FROM_S}s", **expectation}
    dated = [at(expectation) for expectation in expected]
    return {
        "name": name,
        "interval": f"{INTERVAL_S}s",
        "input_series": inputs,
        "alert_rule_test": [one for one in dated if "alertname" in one],
        "promql_expr_test": [one for one in dated if "expr" in one],
    }


def notation(series):
    """The series in the notation of PromQL."""
    labels = ",".join(f'{label}="{value}"' for label, value in {**series.labels, "namespace": rules.NAMESPACE}.items())
    return f"{series.name}{{{labels}}}"


def values(series, steps):
    """The values of all steps. A series that ends is marked as stale, as by a scrape that lacks it."""
    found = [series.at(time_s) for time_s in steps]
    return " ".join("stale" if value is None else str(value) for value in found)


def fires(case, alerts):
    """Nothing fires before, exactly this alert fires afterwards, with its labels and annotations."""
    at_s = system.seconds(case.firing_after)
    labels = {"severity": case.severity, **case.labels}
    annotations = {"summary": case.summary, "runbook_url": f"docs/operate/alerts.md#{case.alert.lower()}"}
    sample = ",".join(f'{label}="{value}"' for label, value in {"alertname": case.alert, "alertstate": "firing", **labels}.items())
    return [
        *silent(alerts, [system.seconds(case.silent_after)]),
        {"at_s": at_s, "alertname": case.alert, "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}]},
        {"at_s": at_s, "expr": FIRING, "exp_samples": [{"labels": f"ALERTS{{{sample}}}", "value": 1}]},
    ]


def silent(alerts, times_s):
    """No alert fires at these times."""
    return [{"at_s": at_s, "alertname": rule["alert"], "exp_alerts": []} for at_s in times_s for rule in alerts]


rendered, folder = sys.argv[1], Path(sys.argv[2])
groups = rules.read(rendered)
(folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
found = list(tests(*system.read_cases(), groups))
document = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{INTERVAL_S}s", "tests": found}
(folder / "tests.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
print(f"{len(found)} unit tests of the alerts")
