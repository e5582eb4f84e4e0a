"""The metrics of the programs, read from docs/operate/metrics.md, which a test of the control plane compares with the code."""

import re
from dataclasses import dataclass
from itertools import product

PAGE = "docs/operate/metrics.md"
# Upper bounds of the buckets that the tests use; the page does not list those of the programs.
BUCKETS = ("0.1", "1.0", "+Inf")


@dataclass(frozen=True)
class Metric:
    """A metric as the programs expose it. A counter's name ends in `_total`."""

    name: str
    kind: str
    unit: str
    labels: dict
    help: str

    def samples(self):
        """The name and the labels of each sample, for all values of the labels."""
        sets = [dict(zip(self.labels, values)) for values in product(*self.labels.values())]
        if self.kind != "histogram":
            return [(self.name, labels) for labels in sets]
        buckets = [(f"{self.name}_bucket", {"le": bound}) for bound in BUCKETS]
        return [*buckets, (f"{self.name}_sum", {}), (f"{self.name}_count", {})]


def read():
    """The metrics of the page, by name."""
    with open(PAGE, encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in file if line.startswith("| `notifi_scaler_")]
    metrics = [Metric(name.strip("`"), kind, unit, labels_of(labels), text) for name, kind, unit, labels, text in rows]
    return {metric.name: metric for metric in metrics}


def labels_of(cell):
    '''The values of each label in a cell such as `class`: "permanent", "transient"; `server`: "store".'''
    named = (re.findall('[`"]([^`"]+)[`"]', part) for part in cell.split(";") if part)
    return {name: values for name, *values in named}


def sample_names(metrics):
    """The labels of each name that a query may select, with their values; None if any value is allowed."""
    names = {}
    for metric in metrics.values():
        closed = {label: set(values) for label, values in metric.labels.items() if label != "le"}
        for name, labels in metric.samples():
            names[name] = {**closed, **({"le": None} if "le" in labels else {})}
    return names
