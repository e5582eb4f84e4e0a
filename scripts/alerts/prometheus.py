"""A Prometheus server on a free port and a temporary folder."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

START_S = 30


class Prometheus:
    """The server, which scrapes one target, and evaluates the rules that it is given."""

    def __init__(self, folder, target_port, interval_ms):
        self.folder = folder
        every = {key: f"{interval_ms}ms" for key in ("scrape_interval", "scrape_timeout", "evaluation_interval")}
        scrapes = [{"job_name": "systems", "static_configs": [{"targets": [f"127.0.0.1:{target_port}"]}]}]
        write(folder / "prometheus.yaml", {"global": every, "rule_files": ["rules.yaml"], "scrape_configs": scrapes})

    def __enter__(self):
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        arguments = [f"--config.file={self.folder}/prometheus.yaml", f"--storage.tsdb.path={self.folder}/data"]
        arguments += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        self.log = open(self.folder / "log", "w", encoding="utf-8")
        self.process = subprocess.Popen(["prometheus", *arguments], stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_S
        while not self.has_scraped():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise SystemExit(f"prometheus does not start: {(self.folder / 'log').read_text(encoding='utf-8')}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def has_scraped(self):
        try:
            return bool(self.query("up == 1"))
        except urllib.error.URLError:
            return False

    def evaluate(self, groups):
        """Begins to evaluate the rules."""
        self.evaluates_since = time.monotonic()
        write(self.folder / "rules.yaml", {"groups": groups})
        self.process.send_signal(signal.SIGHUP)

    def is_late(self):
        """Whether a scrape has failed since the rules are evaluated: with so short a time-out, because the machine is busy."""
        range_ms = max(int((time.monotonic() - self.evaluates_since) * 1000), 1)
        return bool(self.query(f"min_over_time(up[{range_ms}ms]) == 0"))

    def alerts(self):
        """All pending and firing alerts."""
        return self.get("alerts")["alerts"]

    def query(self, expression):
        """The series that the expression returns now."""
        return self.get("query?" + urllib.parse.urlencode({"query": expression}))["result"]

    def get(self, path):
        with urllib.request.urlopen(f"{self.address}/api/v1/{path}") as answer:
            return json.load(answer)["data"]


def write(path, document):
    """Writes YAML, of which JSON is a part."""
    path.write_text(json.dumps(document), encoding="utf-8")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
