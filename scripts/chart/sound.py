"""What every rendered set of manifests must be, read from a file: scripts/chart-test calls this."""

import sys

import yaml


def complaints(documents):
    """Each thing that is not as it must be, in words."""
    seen = set()
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if (kind, name) in seen:
            yield f"{kind} {name} comes twice"
        seen.add((kind, name))
        if "app.kubernetes.io/instance" not in document["metadata"].get("labels", {}):
            yield f"{kind} {name} has no labels"
        if kind == "Service":
            for port in document["spec"]["ports"]:
                if port.get("protocol") != "TCP":
                    yield f"{kind} {name}: a port without protocol"
        if kind == "Role":
            yield from of_role(document)
        if kind == "Secret":
            yield f"{kind} {name}: rendering would set values that only the cluster knows"
        if kind in ("Deployment", "StatefulSet", "Job", "Pod"):
            pod = document["spec"] if kind == "Pod" else document["spec"]["template"]["spec"]
            yield from (f"{kind} {name}: {complaint}" for complaint in of_pod(pod))


def of_role(role):
    """Nothing but what scaling takes."""
    for rule in role["rules"]:
        if "*" in rule["verbs"] + rule["resources"] + rule["apiGroups"]:
            yield "the Role has a wildcard"
        if rule["resources"] == ["secrets"] and rule["verbs"] != ["create"] and not rule.get("resourceNames"):
            yield "the Role reads or changes any Secret"
        if rule["resources"] == ["deployments/scale"] and not rule.get("resourceNames"):
            yield "the Role may scale anything"


def of_pod(pod):
    """A pod that may do as little as can be, whose mounts and volumes fit, and whose variables come once."""
    security = pod["securityContext"]
    if not security["runAsNonRoot"] or security["seccompProfile"]["type"] != "RuntimeDefault":
        yield "may run as root, or without seccomp"
    if "automountServiceAccountToken" not in pod:
        yield "does not say whether it has a token"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    mounted = set()
    for container in pod.get("initContainers", []) + pod["containers"]:
        context = container["securityContext"]
        if not context["readOnlyRootFilesystem"] or context["capabilities"]["drop"] != ["ALL"] or context["allowPrivilegeEscalation"]:
            yield f"{container['name']} may do too much"
        if container["terminationMessagePolicy"] != "FallbackToLogsOnError":
            yield f"{container['name']} would end without a termination message"
        if not container.get("resources"):
            yield f"{container['name']} has no resources"
        names = [variable["name"] for variable in container.get("env", [])]
        for name in {name for name in names if names.count(name) > 1}:
            yield f"{container['name']} has {name} twice"
        for variable in container.get("env", []):
            if not isinstance(variable.get("value", ""), str):
                yield f"{container['name']}: {variable['name']} is no text"
            if "PASSWORD" in variable["name"] and "value" in variable:
                yield f"{container['name']}: {variable['name']} stands in plain text"
        for port in container.get("ports", []):
            if port.get("protocol") != "TCP":
                yield f"{container['name']}: a port without protocol"
        mounted |= {mount["name"] for mount in container.get("volumeMounts", [])}
    if mounted != volumes:
        yield f"mounts {sorted(mounted)} but has volumes {sorted(volumes)}"


with open(sys.argv[1], encoding="utf-8") as file:
    found = list(complaints(document for document in yaml.safe_load_all(file) if document))
print("\n".join(found), end="\n" if found else "", file=sys.stderr)
sys.exit(bool(found))
