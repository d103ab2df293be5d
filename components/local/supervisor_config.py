"""Rendering of units into supervisord configuration (supervisord.org/configuration.html)."""

from __future__ import annotations

from pathlib import Path

from components.unit import Unit

SOCKET_PATH_LIMIT = 107  # sun_path holds 108 bytes with its terminator


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _quote(word: str) -> str:
    return (
        word if word and all(c.isalnum() or c in "-_./:=,+@" for c in word) else "'" + word.replace("'", "'\\''") + "'"
    )


def launch_command(unit: Unit) -> tuple[str, ...]:
    """The unit's command behind what places it and ties its life to the supervisor's."""
    prefix: list[str] = ["setpriv", "--pdeathsig", unit.stop_signal, "--"]
    if unit.numa_node is not None:
        prefix += ["numactl", f"--membind={unit.numa_node}", "--"]
    if unit.cpus:
        prefix += ["taskset", "--cpu-list", ",".join(map(str, unit.cpus))]
    return (*prefix, *unit.command)


def render_program(unit: Unit, log_dir: Path) -> str:
    """One `[program:x]` section."""
    environment = ",".join(f'{k}="{_escape(v)}"' for k, v in sorted(unit.environment.items()))
    lines = [
        f"[program:{unit.name}]",
        f"command = {_escape(' '.join(map(_quote, launch_command(unit))))}",
        f"directory = {_escape(unit.working_directory)}",
        "autostart = true",
        "autorestart = unexpected",
        f"exitcodes = {','.join(map(str, unit.restart.never_after_exit))}",
        f"startsecs = {unit.restart.settle_s}",
        f"startretries = {unit.restart.start_limit}",
        f"stopsignal = {unit.stop_signal}",
        f"stopwaitsecs = {unit.stop_timeout_s}",
        "stopasgroup = false",
        "killasgroup = true",
        "redirect_stderr = true",
        f"stdout_logfile = {_escape(str(log_dir / unit.name))}.log",
        "stdout_logfile_maxbytes = 20MB",
        "stdout_logfile_backups = 2",
    ]
    if environment:
        lines.append(f"environment = {environment}")
    if unit.user:
        lines.append(f"user = {unit.user}")
    return "\n".join(lines) + "\n"


def render_supervisord(run_dir: Path, socket: Path, identifier: str) -> str:
    """The daemon's own file; programs are included from its folder's units/."""
    return f"""[unix_http_server]
file = {_escape(str(socket))}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
identifier = {identifier}
directory = {_escape(str(run_dir))}
logfile = {_escape(str(run_dir / "log" / "supervisord.log"))}
logfile_maxbytes = 5MB
logfile_backups = 1
pidfile = {_escape(str(run_dir / "supervisord.pid"))}
childlogdir = {_escape(str(run_dir / "log"))}
minfds = 4096
umask = 077
nocleanup = true

[include]
files = units/*.conf
"""
