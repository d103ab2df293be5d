"""The rendered nats-server configuration: accepted by the real server, consistent, and free of secrets."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.bus import nats_secrets, permissions
from components.bus.nats_config import (
    Account,
    AccountJetStream,
    JetStream,
    Limits,
    NatsServer,
    Route,
    User,
    cluster_fragment,
    password_fragment,
    render,
)

NATS_SERVER = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
needs_server = pytest.mark.skipif(NATS_SERVER is None, reason="nats-server is not installed")
BCRYPT = "$2a$11$" + "a" * 53


def user(name: str, allowed: permissions.Permissions) -> User:
    return User(name=name, permissions=allowed, password_include=f"secrets/{name}.conf")


def member(store_dir: str = "store", **changes: Any) -> NatsServer:
    values: dict[str, Any] = {
        "server_name": "n1",
        "cluster_name": "ironlane-local",
        "host": "127.0.0.1",
        "client_port": 4222,
        "cluster_port": 6222,
        "monitor_port": 8222,
        "peers": ("n1", "n2", "n3"),
        "cluster_include": "secrets/cluster.conf",
        "jetstream": JetStream(store_dir=store_dir),
        "accounts": (
            Account(
                name="TRADING",
                users=(
                    user("agent", permissions.agent("local", "h1", "agent")),
                    user("oms", permissions.oms("oms")),
                    user("operator", permissions.operator("local", "operator")),
                ),
                jetstream=AccountJetStream(),
            ),
            Account(name="SYS", users=(user("sys", permissions.sys("sys")),)),
        ),
        "system_account": "SYS",
    }
    return NatsServer.model_validate({**values, **changes})


def check(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    assert NATS_SERVER is not None
    (folder / "nats.conf").write_text(text)
    command = [NATS_SERVER, "-c", str(folder / "nats.conf"), "-t"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def write_secrets(folder: Path) -> None:
    passwords = {}
    for name in ("agent", "oms", "operator", "sys", "cluster"):
        passwords[name] = folder / f"{name}.password"
        passwords[name].write_text(f"password0{name}\n")
    arguments = ["--out", str(folder / "secrets"), "--cluster-password-file", str(passwords.pop("cluster"))]
    for name, path in passwords.items():
        arguments += ["--user", f"{name}={path}"]
    for port in (6222, 6223, 6224):
        arguments += ["--route", f"127.0.0.1:{port}"]
    assert nats_secrets.main(arguments) == 0


@needs_server
def test_the_server_accepts_the_configuration(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    result = check(tmp_path, render(member(str(tmp_path / "store"))))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "secrets" / "agent.conf").stat().st_mode & 0o777 == 0o600


@needs_server
def test_the_check_would_see_an_unknown_key(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    result = check(tmp_path, render(member(str(tmp_path / "store"))) + "no_such_setting: 1\n")
    assert result.returncode != 0
    assert "no_such_setting" in result.stderr


@needs_server
def test_the_server_accepts_bcrypt_and_the_changed_limits(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    account = Account(name="SYS", users=(User(name="sys", permissions=permissions.sys("sys"), password_bcrypt=BCRYPT),))
    changed = member(
        str(tmp_path / "store"),
        accounts=(*member().accounts[:1], account),
        limits=Limits(write_deadline="5s", max_payload=65536),
        jetstream=JetStream(store_dir=str(tmp_path / "store"), sync_interval="2m"),
        tags=("sync-always",),
    )
    result = check(tmp_path, render(changed))
    assert result.returncode == 0, result.stderr


def test_rendering_is_deterministic_and_carries_no_secret() -> None:
    text = render(member())
    assert text == render(member())
    assert "password:" not in text
    assert 'include "secrets/oms.conf"' in text
    assert 'include "secrets/cluster.conf"' in text


def test_every_limit_of_the_brief_is_written() -> None:
    text = render(member())
    for line in (
        "max_payload: 1048576",
        "max_pending: 67108864",
        'write_deadline: "10s"',
        'ping_interval: "10s"',
        'lame_duck_duration: "30s"',
        'sync_interval: "always"',
        "max_bytes_required: true",
        'http: "127.0.0.1:8222"',
    ):
        assert line in text


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"client_port": 6222}, "must differ"),
        ({"peers": ("n2", "n3")}, "every member once"),
        ({"system_account": "NONE"}, "none of the accounts"),
        ({"monitor_host": "0.0.0.0"}, "monitoring port has no login"),
        ({"host": "10.0.0.1"}, "client_tls and cluster_tls are required"),
        ({"server_name": "n 1"}, "server_name"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_inconsistent_arguments_are_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        member(**change)


def test_a_user_needs_exactly_one_password() -> None:
    allowed = permissions.sys("sys")
    for passwords in ({}, {"password_bcrypt": BCRYPT, "password_include": "x"}):
        with pytest.raises(ValidationError, match="exactly one"):
            User.model_validate({"name": "sys", "permissions": allowed, **passwords})


def test_duplicate_users_over_accounts_are_refused() -> None:
    accounts = member().accounts
    with pytest.raises(ValidationError, match="occurs twice"):
        member(accounts=(*accounts, Account(name="MORE", users=accounts[0].users)))


def test_no_user_may_read_another_ones_inbox_or_everything() -> None:
    lists = {
        "agent": permissions.agent("local", "h1", "agent"),
        "oms": permissions.oms("oms"),
        "operator": permissions.operator("local", "operator"),
        "sys": permissions.sys("sys"),
    }
    for name, allowed in lists.items():
        inboxes = [subject for subject in allowed.subscribe if subject.startswith("_INBOX")]
        assert inboxes == [f"_INBOX_{name}.>"]
        for subject in (*allowed.publish, *allowed.subscribe):
            assert subject.split(".")[0] not in ("*", ">")
            assert subject not in ("$JS.>", "$JS.API.>", "$SYS.>")


def test_both_forms_of_acknowledgement_are_allowed() -> None:
    publish = permissions.oms("oms").publish
    assert "$JS.ACK.ORDER_EVENTS.oms.>" in publish
    assert "$JS.ACK.*.*.ORDER_EVENTS.oms.>" in publish


def test_permissions_speak_of_the_subjects_of_wire() -> None:
    from wire import messages, streams, subjects

    tree = subjects.Subjects("local")
    allowed = permissions.agent("local", "h1", "agent")

    def covered(subject: str, patterns: tuple[str, ...]) -> bool:
        return any(subject == p or (p.endswith(".>") and subject.startswith(p[:-1])) for p in patterns)

    for subject in (
        tree.order_event("h1"),
        tree.position("h1"),
        tree.latency("h1", "strategy", "book_to_intent"),
        tree.status("h1", "strategy"),
    ):
        assert covered(subject, allowed.publish), subject
    assert not covered(tree.order_event("h2"), allowed.publish)
    assert tree.commands_for("h1") in allowed.subscribe
    assert covered(tree.command("h1", messages.Kill), permissions.operator("local", "operator").publish)
    assert permissions.ORDER_EVENTS == streams.ORDER_EVENTS
    assert permissions.ROOT == subjects.ROOT


def test_fragments_quote_and_refuse() -> None:
    assert password_fragment('pass"word\\1') == 'password: "pass\\"word\\\\1"\n'
    with pytest.raises(ValueError, match="8 to 128"):
        password_fragment("short")
    with pytest.raises(ValueError, match="letters and digits"):
        cluster_fragment("cluster", "pass@word1", ())
    assert "nats-route://cluster:password1@127.0.0.1:6222" in cluster_fragment(
        "cluster", "password1", (Route(host="127.0.0.1", port=6222),)
    )


def test_secrets_tool_names_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--out", str(tmp_path), "--user", "agent=/no/such/file", "--cluster-password-file", "/none"]
    assert nats_secrets.main([*arguments, "--route", "127.0.0.1:1"]) == 78
    assert "/no/such/file" in capsys.readouterr().err
