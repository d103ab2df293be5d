"""The environment to run `pulumi` in: our state, our plugins, nothing taken from or written to the user's own Pulumi.

    env = pulumi_environment(repository_layout())
    subprocess.run([pulumi_command(layout), "preview", "--stack", "local"], cwd=layout.root, env=env)

Standard library only.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cli.paths import Layout
from rehearsal.cluster import connection
from rehearsal.toolchain import command_plugin, pulumi_cli

# names the file that takes what would run on hosts; only a rehearsal has it: without it nothing may pretend to have run
REHEARSAL_RECORD = "IRONLANE_REHEARSAL_RECORD"
_DROPPED = (
    REHEARSAL_RECORD,
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_IGNORE_AMBIENT_PLUGINS",
    "PULUMI_RUNTIME_VIRTUALENV",
    "PYTHONHOME",
    "PYTHONPATH",
)


class NotReadyError(RuntimeError):
    """The toolchain has not been set up; the message says what to run."""


def pulumi_environment(
    layout: Layout,
    base: Mapping[str, str] | None = None,
    *,
    color: bool = False,
    state: Path | None = None,
    rehearsal: bool = False,
    cluster: Path | None = None,
) -> dict[str, str]:
    """Environment for the CLI. `state` moves the file backend elsewhere (tests, rehearsals).

    rehearsal: every provider plugin is our stand-in, and no credentials are handed on.
    cluster: of a rehearsal; the file that says how to reach its API server.

    Creates the state folder and, once, the passphrase that encrypts secrets in it.
    Raises NotReadyError when the bootstrap has not run.
    """
    selection = pulumi_cli.selected(layout)
    plugin = command_plugin.selected(layout)
    if selection is None or plugin is None or not layout.venv_python.exists():
        raise NotReadyError("the Pulumi toolchain is not set up in this clone: run `python3 -m cli.bootstrap ensure`")
    env = dict(os.environ if base is None else base)
    for name in _DROPPED:
        env.pop(name, None)
    state = state or layout.state
    state.mkdir(parents=True, exist_ok=True)
    # the language host starts the first python3 on PATH, whatever Pulumi.yaml says about a virtualenv
    path = [layout.venv / "bin", selection.executable.parent]
    if rehearsal:
        path += [command_plugin.stand_in_directory(layout), cloud_stand_ins(layout)]
        for name in [name for name in env if name.startswith(("AWS_", "PULUMI_K8S_")) or name == "KUBECONFIG"]:
            env.pop(name)
    elif plugin.directory is not None:
        path.append(plugin.directory)
    env["PATH"] = os.pathsep.join([*map(str, path), env.get("PATH", os.defpath)])
    env.pop(connection.VARIABLE, None)
    if cluster is not None:
        env[connection.VARIABLE] = str(cluster)
    env["VIRTUAL_ENV"] = str(layout.venv)
    env["PULUMI_HOME"] = str(layout.pulumi_home)
    env["PULUMI_BACKEND_URL"] = f"file://{state}"
    env["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(ensure_passphrase(layout))
    env["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    if not color:
        env["NO_COLOR"] = "1"
        env["PULUMI_OPTION_COLOR"] = "never"
        env["PULUMI_OPTION_NON_INTERACTIVE"] = "true"
    return env


def pulumi_command(layout: Layout) -> str:
    """Absolute path of the pulumi in use. Raises NotReadyError when none has been chosen."""
    selection = pulumi_cli.selected(layout)
    if selection is None:
        raise NotReadyError("no pulumi has been built or chosen in this clone: run `python3 -m cli.bootstrap ensure`")
    return str(selection.executable)


def cloud_stand_ins(layout: Layout) -> Path:
    """Folder of the stand-ins that only a rehearsal may find: a real `up` must never meet them."""
    return layout.root / "rehearsal" / "plugins" / "cloud_bin"


def ensure_passphrase(layout: Layout) -> Path:
    """File with a random passphrase, readable by its owner only; made at the first call."""
    file = layout.passphrase
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(32))
        try:
            os.link(draft, file)  # link refuses an existing name: of two first runs, one passphrase wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file
