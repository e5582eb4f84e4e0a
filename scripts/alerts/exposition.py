"""A target that serves the metrics of several systems as OpenMetrics text, in a process of its own."""

import multiprocessing
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Target:
    """The HTTP server. The time of the systems stands still until `start`, and then runs `speed` times as fast."""

    def __init__(self, systems, speed):
        families, self.speed, self.started = families_of(systems), speed, multiprocessing.Value("d", 0)
        now_s = self.now_s

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", MEDIA_TYPE)
                self.end_headers()
                self.wfile.write(text(families, now_s()).encode())

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.process = multiprocessing.get_context("fork").Process(target=self.server.serve_forever, daemon=True)

    def start(self):
        self.started.value = time.monotonic()

    def now_s(self):
        return (time.monotonic() - self.started.value) * self.speed if self.started.value else 0

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.join()
        self.server.server_close()


def families_of(systems):
    """The metadata of each family, with its series and the text before their values. A family's samples stand together."""
    families = {}
    for namespace, series in systems.items():
        for one in series:
            _, samples = families.setdefault(one.metric.name, (metadata(one.metric), []))
            labels = ",".join(f'{label}="{value}"' for label, value in {"namespace": namespace, **one.labels}.items())
            samples.append((f"{one.name}{{{labels}}}", one))
    return list(families.values())


def metadata(metric):
    name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    unit = f"# UNIT {name} {metric.unit}\n" if metric.unit else ""
    return f"# HELP {name} {metric.help}.\n# TYPE {name} {metric.kind}\n{unit}"


def text(families, time_s):
    """The exposition at a time."""
    lines = []
    for head, samples in families:
        values = ((name, series.at(time_s)) for name, series in samples)
        lines += [head, *(f"{name} {value}\n" for name, value in values if value is not None)]
    return "".join([*lines, "# EOF\n"])
