"""Every value of the chart stands in its README, with the default that it has: scripts/chart-test calls this."""

import json
import sys

import yaml


def leaves(values, path=""):
    """Each value that a user would set, by its path."""
    for key, value in values.items():
        where = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value:
            yield from leaves(value, where)
        else:
            yield where, value


with open("deploy/values.yaml", encoding="utf-8") as file:
    found = dict(leaves(yaml.safe_load(file)))
with open("deploy/README.md", encoding="utf-8") as file:
    rows = {line.split("`")[1]: line for line in file if line.startswith("| `")}

wrong = []
for path, default in found.items():
    shown = default if isinstance(default, str) else json.dumps(default)
    row = rows.get(path, "")
    if not row:
        wrong.append(f"{path} is not in deploy/README.md")
    elif shown and f"| `{shown}` |" not in row:
        wrong.append(f"{path}: the default is {shown}, but deploy/README.md says {row.strip()}")
print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
sys.exit(bool(wrong))
