"""The exporter on pages that a cluster of three answered, a leader of a stream, the leader of JetStream, a follower."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from components.bus import nats_exporter
from components.bus.nats_exporter import families, render

PAGES = Path(__file__).parents[2] / "golden" / "observability" / "nats"


def pages(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    found = json.loads((PAGES / f"{name}.json").read_text())
    return found["varz"], found["jsz"]


def told(name: str, healthy: bool = True) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Samples by name, read back by a parser of Prometheus."""
    text = render(families(*pages(name), healthy))
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_stream_is_told_by_its_leader_alone() -> None:
    everywhere = [told(name).get("nats_stream_messages", []) for name in ("stream_leader", "meta_leader", "follower")]
    assert everywhere == [[({"account": "$G", "stream": "ORDER_EVENTS"}, 2.0)], [], []]
    assert told("stream_leader")["nats_stream_limit_bytes"][0][1] == 1 << 28


def test_a_consumer_is_told_by_its_own_leader_which_alone_knows_what_is_pending() -> None:
    labels = {"account": "$G", "stream": "ORDER_EVENTS", "consumer": "oms"}
    assert told("meta_leader")["nats_consumer_pending_messages"] == [(labels, 2.0)]
    assert "nats_consumer_pending_messages" not in told("stream_leader")


def test_only_the_leader_of_jetstream_judges_its_peers() -> None:
    assert told("meta_leader")["nats_meta_peers_lost"] == [({}, 0.0)]
    assert "nats_meta_peers_lost" not in told("follower")
    assert [told(name)["nats_meta_leader"][0][1] for name in ("meta_leader", "follower", "stream_leader")] == [1, 0, 0]


@pytest.mark.parametrize("change", [{"offline": True}, {"current": False}])
def test_peers_and_copies_that_are_away_or_lag_are_counted(change: dict[str, bool]) -> None:
    varz, jsz = pages("meta_leader")
    jsz["meta_cluster"]["replicas"][0] |= change
    found = {each.name: each for each in families(varz, jsz, True)}
    assert found["nats_meta_peers_lost"].samples == [({}, 1)]
    varz, jsz = pages("stream_leader")
    jsz["account_details"][0]["stream_detail"][0]["cluster"]["replicas"][1] |= change
    found = {each.name: each for each in families(varz, jsz, True)}
    assert found["nats_stream_replicas_lost"].samples[0][1] == 1


def test_without_a_leader_nobody_leads_and_it_is_said() -> None:
    varz, jsz = pages("follower")
    del jsz["meta_cluster"]["leader"]
    found = {each.name: each for each in families(varz, jsz, False)}
    assert found["nats_meta_leader_known"].samples == [({}, 0)]
    assert found["nats_meta_leader"].samples == [({}, 0)]
    assert found["nats_healthy"].samples == [({}, 0)]


def test_without_jetstream_the_server_is_told_of_all_the_same() -> None:
    varz, _ = pages("follower")
    names = {each.name for each in families(varz, {"disabled": True}, True)}
    assert "nats_connections" in names
    assert not [name for name in names if "jetstream" in name or "stream" in name]


def test_label_values_are_escaped() -> None:
    family = nats_exporter.Family("a", "gauge", "text").add(1, name='q"\\\n')
    assert render(iter([family])).splitlines()[-1] == 'a{name="q\\"\\\\\\n"} 1'


class _Monitor(BaseHTTPRequestHandler):
    broken = ""

    def do_GET(self) -> None:
        varz, jsz = pages("stream_leader")
        body = {"/varz": varz, "/healthz": {"status": "ok"}}.get(self.path, jsz)
        text = b"{" if self.broken and self.path.startswith(self.broken) else json.dumps(body).encode()
        self.send_response(503 if self.path == "/healthz" else 200)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def monitor() -> Any:
    handler = type("Monitor", (_Monitor,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


def test_an_unhealthy_server_is_up_and_unhealthy(monitor: Any) -> None:
    text = nats_exporter.scrape(monitor[0])
    assert "\nnats_up 1\n" in text
    assert "\nnats_healthy 0\n" in text


@pytest.mark.parametrize("page", ["/varz", "/jsz"])
def test_a_page_that_cannot_be_read_is_down_and_nothing_is_guessed(
    monitor: Any, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monitor[1].broken = page
    assert [line for line in nats_exporter.scrape(monitor[0]).splitlines() if line[0] != "#"] == ["nats_up 0"]
    assert monitor[0] in capsys.readouterr().err


def test_no_server_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nats_up 0" in nats_exporter.scrape("http://127.0.0.1:1")
    assert "refused" in capsys.readouterr().err


def test_it_is_one_file_of_the_standard_library_for_python_3_9() -> None:
    source = Path(nats_exporter.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= set(sys.stdlib_module_names)


def test_serving_and_a_port_that_is_taken(monitor: Any) -> None:
    file = nats_exporter.__file__
    taken = subprocess.run(
        [sys.executable, file, "--listen", monitor[0].removeprefix("http://")],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert taken.returncode == 1
    assert "in use" in taken.stderr
    server = nats_exporter._Server(("127.0.0.1", 0), monitor[0])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        with urllib.request.urlopen(f"{base}/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"] == nats_exporter.CONTENT_TYPE
            assert b"nats_up 1" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{base}/varz", timeout=5)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
