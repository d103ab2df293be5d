"""Drives one copy of the local stack through the project's own command line, on ports of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.paths import Layout, repository_layout
from components.local import servicectl
from stacks.local import shm_prefix

PORT_SPAN = 20


def free_base() -> int:
    """A base port whose whole span is free now, below the ephemeral range."""
    for base in range(20_000 + os.getpid() % 500 * 20, 32_000, PORT_SPAN):
        probes = []
        try:
            for port in range(base, base + PORT_SPAN):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probe = socket.socket(socket.AF_INET, kind)
                    probes.append(probe)
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return base
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError("no free span of ports below 32000")


@dataclass
class StackDriver:
    """One stack: its name, its own stack file, and the calls a person would make."""

    name: str
    file: Path
    layout: Layout

    @classmethod
    def create(cls, name: str, folder: Path) -> StackDriver:
        layout = repository_layout()
        driver = cls(name, folder / f"Pulumi.{name}.yaml", layout)
        document = yaml.safe_load((layout.root / "Pulumi.local.yaml").read_text())
        document["config"]["ironlane:ports"]["base"] = free_base()
        driver.file.write_text(yaml.safe_dump(document))
        return driver

    def run(self, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Any command of the project on this stack."""
        command = [sys.executable, "-m", "cli.main", "--stack", self.name, "--config-file", str(self.file), *words]
        env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        return subprocess.run(
            command, cwd=self.layout.root, env=env, capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def ok(self, *words: str, timeout: float = 300) -> str:
        """Like `run`, failing the test with everything printed when the command fails. Returns standard output."""
        done = self.run(*words, timeout=timeout)
        assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def set(self, section: str, **fields: Any) -> None:
        """Change settings in the stack file."""
        document = yaml.safe_load(self.file.read_text())
        document["config"].setdefault(f"ironlane:{section}", {}).update(fields)
        self.file.write_text(yaml.safe_dump(document))

    @property
    def base(self) -> int:
        return int(yaml.safe_load(self.file.read_text())["config"]["ironlane:ports"]["base"])

    @property
    def run_dir(self) -> Path:
        return self.layout.stack_run(self.name)

    def services(self) -> dict[str, dict[str, Any]]:
        """The status command's JSON, by service."""
        done = self.run("status", "--json")
        return {service["name"]: service for service in json.loads(done.stdout)["services"]}

    def pids(self) -> dict[str, int]:
        return {p["name"]: p["pid"] for p in servicectl.connect(self.run_dir).getAllProcessInfo()}

    def wait_ready(self, name: str, other_than_pid: int, timeout_s: float) -> float:
        """Seconds until the service is ready under another pid. Fails after `timeout_s`."""
        began = time.monotonic()
        unit = servicectl.stored_unit(self.run_dir, name)
        while time.monotonic() - began < timeout_s:
            if self.pids()[name] not in (0, other_than_pid) and servicectl.probe(unit, 2.0)[0]:
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(
            f"{name} is not ready {timeout_s} s after kill -9\n{servicectl.log_tail(self.run_dir, name)}"
        )

    def segments(self) -> list[Path]:
        return sorted(Path("/dev/shm").glob(f"{shm_prefix(self.run_dir)}.*"))
