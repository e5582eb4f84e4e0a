"""A system of two control planes and three workers as Prometheus sees it, healthy and with the faults of cases.yaml.

Times are seconds of the system. Its pods expose every metric of the reference."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

import reference

CONTROL_PLANES = ("control-plane-1", "control-plane-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
# Time at which the faults begin.
FAULTY_FROM_S = 300
UNITS_S = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Case:
    """An alert, the faults that it tells of, and when."""

    alert: str
    severity: str
    faults: list
    firing_after: str
    summary: str
    name: str = ""
    silent_after: str = "-15s"
    labels: dict = field(default_factory=dict)
    later: list = field(default_factory=list)
    harmless: list = field(default_factory=list)

    @property
    def title(self):
        return f"{self.alert}-{self.name}" if self.name else self.alert


def read_cases():
    """The faults of the healthy system, which are none, and the cases."""
    with open(Path(__file__).with_name("cases.yaml"), encoding="utf-8") as file:
        document = yaml.safe_load(file)
    return document["healthy"], [Case(**case) for case in document["cases"]]


def seconds(duration):
    """A duration such as 1m15s, or -15s, in seconds."""
    sign = -1 if duration.startswith("-") else 1
    return sign * sum(int(number) * UNITS_S[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))


@dataclass
class Series:
    """One series of one pod over time."""

    metric: reference.Metric
    name: str
    labels: dict
    healthy: dict
    fault: dict

    def at(self, time_s):
        """Its value; None if the pod does not expose it."""
        since_s = time_s - FAULTY_FROM_S
        fault = self.fault if since_s >= 0 else {}
        if fault.get("absent"):
            return None
        if self.metric.kind == "gauge":
            return fault.get("value", self.healthy.get("value", 0))
        rate = self.healthy.get("per_second", 0)
        after = self.fault.get("per_second", rate)
        return rate * min(time_s, FAULTY_FROM_S) + fault.get("step", 0) + after * max(since_s, 0)


def system(healthy, faults):
    """All series, with the label `pod`."""
    metrics = reference.read()
    check(metrics, [*healthy, *faults])
    for metric in metrics.values():
        for pod in WORKERS if "_worker_" in metric.name else CONTROL_PLANES:
            for name, labels in metric.samples():
                usual, fault = (last(entries, metric, pod, labels) for entries in (healthy, faults))
                yield Series(metric, name, {**labels, "pod": pod}, usual, fault)


def last(entries, metric, pod, labels):
    """The last entry that names this series."""
    found = {}
    for entry in entries:
        name, wanted = selector(entry.get("series", metric.name))
        if pod in entry["pods"] and name == metric.name and wanted.items() <= labels.items():
            found = entry
    return found


def selector(text):
    """The name and the labels of `name{label="value"}`."""
    name, _, inside = text.partition("{")
    return name, dict(re.findall(r'(\w+)="([^"]*)"', inside))


def check(metrics, entries):
    """Ends the program if an entry names what no program exposes: it would have no effect."""
    for entry in entries:
        if set(entry["pods"]) - {*WORKERS, *CONTROL_PLANES}:
            raise SystemExit(f"cases.yaml names an unknown pod: {entry}")
        if "series" in entry:
            name, labels = selector(entry["series"])
            known = metrics[name].labels if name in metrics else None
            if known is None or any(value not in known.get(label, []) for label, value in labels.items()):
                raise SystemExit(f"cases.yaml names a series that {reference.PAGE} does not have: {entry['series']}")
            kind = "gauge" if {"value"} & entry.keys() else "counter"
            if "absent" not in entry and (kind == "gauge") != (metrics[name].kind == "gauge"):
                raise SystemExit(f"cases.yaml has the wrong kind of change for {entry['series']}")
