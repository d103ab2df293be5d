"""Metrics of one NATS server for Prometheus, read from its monitoring port, which listens on loopback only.

    python3 nats_exporter.py --monitor http://127.0.0.1:8222 --listen 10.0.0.5:7777

Standard library only and one file, for Python 3.9: it runs on the servers' hosts with the system's Python. Streams and
consumers are told by the leader of each alone, so that a sum over servers counts nothing twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
JETSTREAM_PAGE = "/jsz?accounts=true&streams=true&consumers=true&config=true&limit=1024"
_TIMEOUT_S = 3.0
_LARGEST_PAGE = 32 << 20


@dataclass
class Family:
    """One metric: its name, what it means, and a value per set of labels."""

    name: str
    kind: str
    text: str
    samples: list[tuple[dict[str, str], float]] = field(default_factory=list)

    def add(self, value: float, **labels: str) -> Family:
        self.samples.append((labels, value))
        return self


def families(varz: Mapping[str, Any], jsz: Mapping[str, Any], healthy: bool) -> Iterator[Family]:
    """From what the server answers on /varz, JETSTREAM_PAGE and /healthz. Raises KeyError for a foreign page."""

    def one(name: str, kind: str, text: str, value: float) -> Family:
        return Family(f"nats_{name}", kind, text).add(value)

    yield one("up", "gauge", "1 when the server answered its monitoring port", 1)
    yield one("healthy", "gauge", "1 when the server calls itself healthy", int(healthy))
    yield one("start_time_seconds", "gauge", "When it started, since the Unix epoch", _seconds(varz["start"]))
    yield one("memory_bytes", "gauge", "Resident memory", varz["mem"])
    yield one("connections", "gauge", "Clients connected", varz["connections"])
    yield one("connections_limit", "gauge", "Clients it lets in", varz["max_connections"])
    yield one("routes", "gauge", "Connections to other servers of the cluster", varz["routes"])
    yield one("leaf_nodes", "gauge", "Leaf nodes connected", varz.get("leafnodes", 0))
    yield one("slow_consumers_total", "counter", "Connections cut because they did not read", varz["slow_consumers"])
    yield one("received_messages_total", "counter", "Messages received", varz["in_msgs"])
    yield one("sent_messages_total", "counter", "Messages sent", varz["out_msgs"])
    yield one("received_bytes_total", "counter", "Bytes received", varz["in_bytes"])
    yield one("sent_bytes_total", "counter", "Bytes sent", varz["out_bytes"])
    if jsz.get("disabled"):
        return
    yield one("jetstream_storage_bytes", "gauge", "Stored by streams", jsz["storage"])
    yield one("jetstream_storage_limit_bytes", "gauge", "What streams may store", jsz["config"]["max_storage"])
    yield one(
        "jetstream_api_errors_total", "counter", "Requests to the JetStream API that failed", jsz["api"]["errors"]
    )
    meta = jsz.get("meta_cluster")
    if meta is not None:
        peers = meta.get("replicas") or []  # the leader names the others, nobody else does
        leads = meta.get("leader") == varz["server_name"]
        yield one("meta_leader", "gauge", "1 on the server that leads JetStream", int(leads))
        yield one("meta_leader_known", "gauge", "1 when it knows who leads JetStream", int(bool(meta.get("leader"))))
        yield one("meta_cluster_size", "gauge", "Servers that take part in JetStream", meta["cluster_size"])
        if leads:
            lost = sum(1 for peer in peers if peer.get("offline") or not peer.get("current"))
            yield one("meta_peers_lost", "gauge", "Servers that the leader does not reach or that lag", lost)
    yield from _streams(varz["server_name"], jsz.get("account_details") or [])


def _streams(server: str, accounts: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    messages = Family("nats_stream_messages", "gauge", "Messages in the stream")
    size = Family("nats_stream_bytes", "gauge", "Bytes in the stream")
    limit = Family("nats_stream_limit_bytes", "gauge", "What the stream may hold; no sample without a limit")
    lost = Family("nats_stream_replicas_lost", "gauge", "Copies that the leader does not reach or that lag")
    pending = Family("nats_consumer_pending_messages", "gauge", "Messages not delivered yet")
    unacknowledged = Family("nats_consumer_unacknowledged_messages", "gauge", "Messages delivered, not acknowledged")
    redelivered = Family(
        "nats_consumer_redelivered_messages", "gauge", "Messages delivered more than once, unacknowledged"
    )
    for account in accounts:
        for stream in account.get("stream_detail") or []:
            where = {"account": account["name"], "stream": stream["name"]}
            if _leads(server, stream):
                messages.add(stream["state"]["messages"], **where)
                size.add(stream["state"]["bytes"], **where)
                most = (stream.get("config") or {}).get("max_bytes", -1)
                if most > 0:
                    limit.add(most, **where)
                copies = (stream.get("cluster") or {}).get("replicas") or []
                lost.add(sum(1 for copy in copies if copy.get("offline") or not copy.get("current")), **where)
            for consumer in stream.get("consumer_detail") or []:
                if _leads(server, consumer):
                    labels = {**where, "consumer": consumer["name"]}
                    pending.add(consumer["num_pending"], **labels)
                    unacknowledged.add(consumer["num_ack_pending"], **labels)
                    redelivered.add(consumer["num_redelivered"], **labels)
    yield from (messages, size, limit, lost, pending, unacknowledged, redelivered)


def _leads(server: str, asset: Mapping[str, Any]) -> bool:
    """Without a cluster the only server does."""
    cluster = asset.get("cluster")
    return cluster is None or cluster.get("leader") == server


def _seconds(text: str) -> float:
    """RFC 3339 with nanoseconds, which Python 3.9 does not read."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + (float(f"0.{fraction}") if fraction else 0.0)


def render(found: Iterator[Family]) -> str:
    """Prometheus text format."""
    lines = []
    for family in found:
        lines += [f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{family.name}{{{shown}}} {value}" if shown else f"{family.name} {value}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def scrape(monitor: str) -> str:
    """The metrics of the server now. One that does not answer is `nats_up 0`, and nothing else is known of it."""
    try:
        healthy = _status(f"{monitor}/healthz") == 200
        return render(families(_page(f"{monitor}/varz"), _page(f"{monitor}{JETSTREAM_PAGE}"), healthy))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{monitor}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        down = Family("nats_up", "gauge", "1 when the server answered its monitoring port").add(0)
        return render(iter([down]))


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _page(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
        found = json.loads(answer.read(_LARGEST_PAGE))
    if not isinstance(found, dict):
        raise ValueError(f"{url}: not an object")
    return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], monitor: str) -> None:
        self.monitor = monitor
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that HTTPServer makes: it may hang where no DNS answers."""
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _TIMEOUT_S * 3

    def do_GET(self) -> None:
        """/metrics; everything else is unknown."""
        if self.path != "/metrics":
            self.send_error(404)
            return
        body = scrape(self.server.monitor).encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Every scrape is not worth a line."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="nats_exporter", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--monitor", default="http://127.0.0.1:8222", help="the server's monitoring address")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="where Prometheus comes")
    options = parser.parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"--listen {options.listen}: give HOST:PORT")
    try:
        server = _Server((host, int(port)), options.monitor.rstrip("/"))
    except OSError as error:
        print(f"{options.listen}: {error.strerror}", file=sys.stderr)
        return 1
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
