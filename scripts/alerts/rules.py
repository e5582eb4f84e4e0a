"""The alerts of the chart, from its rendered PrometheusRule, and the queries of its dashboard."""

import json
import re

import yaml

# Namespace for which the chart is rendered.
NAMESPACE = "work"
DASHBOARD = "deploy/files/dashboard.json"


def read(rendered):
    """The groups of rules of the only PrometheusRule in the file."""
    with open(rendered, encoding="utf-8") as file:
        found = [document for document in yaml.safe_load_all(file) if document and document["kind"] == "PrometheusRule"]
    if len(found) != 1:
        raise SystemExit(f"{rendered} has {len(found)} documents of kind PrometheusRule")
    return found[0]["spec"]["groups"]


def alerts(groups):
    """All rules, each of which is an alert."""
    return [rule for group in groups for rule in group["rules"]]


def metrics_of(groups):
    """The names of all metrics that the alerts use."""
    return {name for rule in alerts(groups) for name, _ in selectors(rule["expr"])}


def dashboard_queries():
    """The title of each panel with its queries and their legends."""
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    return [(panel["title"], target["expr"], target["legendFormat"]) for panel in board["panels"] for target in panel["targets"]]


def dashboard_variables():
    """The queries of the dashboard's variables, such as `label_values(metric, label)`."""
    with open(DASHBOARD, encoding="utf-8") as file:
        board = json.load(file)
    return [variable["query"] for variable in board["templating"]["list"] if variable["type"] == "query"]


def selectors(expression):
    """Each metric in the expression, with its matchers as triples of label, operator and value."""
    for name, inside in re.findall(r"\b(notifi_scaler_\w+)(?:\{([^}]*)\})?", expression):
        yield name, re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', inside)


def grouping(expression):
    """The labels of all `by (...)`."""
    return {label.strip() for inside in re.findall(r"\bby\s*\(([^)]*)\)", expression) for label in inside.split(",")}
