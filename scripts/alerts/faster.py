"""Rules for a system whose time runs faster than that of Prometheus.

Durations (`for` and ranges) are divided by the speed, and so is what `rate` returns, to be per second of the system again. The
namespace is another one. Nothing else changes."""

import re

import rules
import system


def groups_at(speed, groups, namespace):
    """The groups for one namespace. Each alert has the label `case` with it, which tells the alerts of several namespaces apart."""
    rules_of = lambda group: [rule_at(speed, rule, namespace) for rule in group["rules"]]
    return [{"name": f"{group['name']}-{namespace}", "rules": rules_of(group)} for group in groups]


def rule_at(speed, rule, namespace):
    shorter = lambda duration: f"{system.seconds(duration) * 1000 // speed}ms"
    query = rule["expr"].replace(f'namespace="{rules.NAMESPACE}"', f'namespace="{namespace}"')
    query = re.sub(r"\[(\w+)\]", lambda found: f"[{shorter(found[1])}]", query)
    query = re.sub(r"\brate\(", f"(1 / {speed}) * rate(", query)
    return {**rule, "expr": query, "for": shorter(rule.get("for", "0s")), "labels": {**rule["labels"], "case": namespace}}
