"""The provider service of the stand-in `command` plugin, called directly: no engine, no socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from cli.paths import repository_layout
from rehearsal.plugins import properties as props
from rehearsal.plugins.command import process
from rehearsal.plugins.command.globs import GlobError, matching_files
from rehearsal.plugins.command.inputs import check
from rehearsal.plugins.command.process import Cancellation, CommandFailedError, run_command
from rehearsal.plugins.command.provider import CommandProvider
from rehearsal.plugins.differences import Change, differences
from rehearsal.plugins.redact import Redactor
from rehearsal.toolchain.command_plugin import stand_in_directory
from rehearsal.toolchain.environment import REHEARSAL_RECORD

URN = "urn:pulumi:s::p::command:local:Command::thing"
REMOTE_URN = "urn:pulumi:s::p::my:Component$command:remote:Command::far"


class AbortedError(Exception):
    pass


class Context:
    def abort(self, code: grpc.StatusCode, message: str) -> NoReturn:
        raise AbortedError(f"{code.name}: {message}")


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, urn: str, message: str) -> None:
        self.lines.append(message)

    def connect(self, address: str) -> None: ...


@pytest.fixture
def service() -> SimpleNamespace:
    log = Log()
    return SimpleNamespace(provider=CommandProvider(log), log=log, context=Context())


def create(service: SimpleNamespace, preview: bool = False, timeout: float = 0, **inputs: Any) -> dict[str, Any]:
    request = provider_pb2.CreateRequest(urn=URN, properties=props.to_struct(inputs), preview=preview, timeout=timeout)
    response = service.provider.Create(request, service.context)
    assert bool(response.id) is not preview
    return props.from_struct(response.properties)


def update(service: SimpleNamespace, olds: dict[str, Any], preview: bool = False, **news: Any) -> dict[str, Any]:
    request = provider_pb2.UpdateRequest(
        id="x", urn=URN, olds=props.to_struct(olds), news=props.to_struct(news), preview=preview
    )
    return props.from_struct(service.provider.Update(request, service.context).properties)


def delete(service: SimpleNamespace, **state: Any) -> None:
    service.provider.Delete(
        provider_pb2.DeleteRequest(id="x", urn=URN, properties=props.to_struct(state)), service.context
    )


def diff(service: SimpleNamespace, olds: dict[str, Any], news: dict[str, Any]) -> Any:
    request = provider_pb2.DiffRequest(
        id="x", urn=URN, olds=props.to_struct(olds), old_inputs=props.to_struct(olds), news=props.to_struct(news)
    )
    return service.provider.Diff(request, service.context)


def test_create_really_runs_and_echoes_its_inputs(service: SimpleNamespace, tmp_path: Path) -> None:
    inputs = {
        "create": "pwd; echo $NAME; cat; echo warn >&2",
        "dir": str(tmp_path),
        "environment": {"NAME": "value"},
        "stdin": "fed\n",
    }
    outputs = create(service, **inputs)
    assert outputs["stdout"] == f"{tmp_path}\nvalue\nfed"
    assert outputs["stderr"] == "warn"
    assert {key: outputs[key] for key in inputs} == inputs
    assert sorted(service.log.lines) == sorted([str(tmp_path), "value", "fed", "warn"])


def test_preview_runs_nothing_and_promises_nothing(service: SimpleNamespace, tmp_path: Path) -> None:
    outputs = create(service, preview=True, create=f"touch {tmp_path}/x", assetPaths=["*"])
    assert outputs["stdout"] == outputs["stderr"] == outputs["assets"] == props.UNKNOWN
    outputs = update(service, {"stdout": "old"}, preview=True, create=f"touch {tmp_path}/x")
    assert outputs["stdout"] == props.UNKNOWN
    assert list(tmp_path.iterdir()) == []


def test_without_create_nothing_runs(service: SimpleNamespace) -> None:
    outputs = create(service, delete="echo bye")
    assert (outputs["stdout"], outputs["stderr"]) == ("", "")


def test_interpreter(service: SimpleNamespace) -> None:
    outputs = create(service, create="print(6 * 7)", interpreter=[sys.executable, "-c"])
    assert outputs["stdout"] == "42"


@pytest.mark.parametrize(
    ("logging", "shown"),
    [("stdout", ["out"]), ("stderr", ["err"]), ("stdoutAndStderr", ["err", "out"]), ("none", [])],
)
def test_logging_chooses_what_is_shown_not_what_is_captured(
    service: SimpleNamespace, logging: str, shown: list[str]
) -> None:
    outputs = create(service, create="echo out; echo err >&2", logging=logging)
    assert sorted(service.log.lines) == shown
    assert (outputs["stdout"], outputs["stderr"]) == ("out", "err")


def test_update_runs_update_or_else_create_and_knows_the_previous_output(service: SimpleNamespace) -> None:
    old = {"stdout": "before", "stderr": "noise"}
    line = "echo $PULUMI_COMMAND_STDOUT-$PULUMI_COMMAND_STDERR"
    assert update(service, old, create="echo wrong", update=line)["stdout"] == "before-noise"
    assert update(service, old, create=line)["stdout"] == "before-noise"
    assert update(service, old, create=line, addPreviousOutputInEnv=False)["stdout"] == "-"
    assert update(service, old, delete="true")["stdout"] == "before", "nothing to run: the output stays"


def test_delete_runs_what_the_state_says(service: SimpleNamespace, tmp_path: Path) -> None:
    delete(
        service, delete="echo $PULUMI_COMMAND_STDOUT $A > gone", dir=str(tmp_path), stdout="s", environment={"A": "a"}
    )
    assert (tmp_path / "gone").read_text() == "s a\n"
    delete(service, create="exit 1")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"create": "echo tail >&2; exit 3"}, "exit status 3: running 'echo tail >&2; exit 3':\ntail"),
        ({"create": "kill -TERM $$"}, "killed by SIGTERM"),
        ({"create": "true", "dir": "/no/such"}, "dir '/no/such' is not a folder"),
        ({"create": "true", "interpreter": ["/no/such"]}, "cannot start '/no/such': No such file or directory"),
    ],
)
def test_failures_say_what_happened(service: SimpleNamespace, inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(AbortedError) as error:
        create(service, **inputs)
    assert message in str(error.value)


def test_error_shows_the_last_lines_only(service: SimpleNamespace) -> None:
    with pytest.raises(AbortedError) as error:
        create(service, create="seq 1 1000; exit 1")
    lines = str(error.value).splitlines()
    assert lines[-1] == "1000"
    assert len(lines) == process.TAIL_LINES + 1


def test_secrets_are_nowhere_in_the_clear(service: SimpleNamespace) -> None:
    secret = {"TOKEN": props.secret("hunter22"), "KEY": props.secret("line-one\nline-two")}
    outputs = create(service, create='echo "$TOKEN"; echo "$KEY"; echo plain', environment=secret)
    assert service.log.lines == ["[secret]", "[secret]", "[secret]", "plain"]
    assert outputs["stdout"] == props.secret("hunter22\nline-one\nline-two\nplain")
    assert outputs["environment"] == secret
    with pytest.raises(AbortedError) as error:
        create(service, create=props.secret("echo hunter22; exit 1"))
    assert "hunter22" not in str(error.value)


def test_previous_secret_output_reaches_the_command_but_not_the_log(service: SimpleNamespace) -> None:
    outputs = update(service, {"stdout": props.secret("hunter22")}, create="echo got $PULUMI_COMMAND_STDOUT")
    assert outputs["stdout"] == "got hunter22"
    assert service.log.lines == ["got [secret]"]


def test_diff_names_paths_and_replaces_on_triggers_only(service: SimpleNamespace) -> None:
    old = {"create": "a", "environment": {"A": "1", "B.C": "2"}, "triggers": [1, 2], "stdin": "x"}
    same = diff(service, old, dict(old))
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    new = {"create": "b", "environment": {"A": "1", "B.C": "3", "D": ""}, "triggers": [1, 2]}
    changed = diff(service, old, new)
    kinds = provider_pb2.PropertyDiff
    assert {path: entry.kind for path, entry in changed.detailedDiff.items()} == {
        "create": kinds.UPDATE,
        'environment["B.C"]': kinds.UPDATE,
        "environment.D": kinds.ADD,
        "stdin": kinds.DELETE,
    }
    assert list(changed.replaces) == []
    replaced = diff(service, old, {**old, "triggers": [1, 3, 4]})
    assert {path: entry.kind for path, entry in replaced.detailedDiff.items()} == {
        "triggers[1]": kinds.UPDATE_REPLACE,
        "triggers[2]": kinds.ADD_REPLACE,
    }
    assert list(replaced.replaces) == ["triggers"]


def test_becoming_secret_is_a_change() -> None:
    assert differences({"a": "x"}, {"a": props.secret("x")}) == {"a": Change.UPDATE}
    assert differences({"a": props.secret("x")}, {"a": props.secret("x")}) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_values_survive_the_wire_and_equal_values_have_no_difference(values: dict[str, Any]) -> None:
    received = props.from_struct(props.to_struct(values))
    assert received == values
    assert differences(values, received) == {}
    assert props.reveal(props.secret(values)) == values


def test_all_bad_inputs_are_told_at_once(service: SimpleNamespace) -> None:
    bad = {
        "create": 1,
        "environment": {"A": 2, "B=": "x"},
        "logging": "loud",
        "triggers": "no",
        "creat": "x",
        "dir": None,
    }
    found = {failure.property for failure in check(bad)}
    assert found == {"create", "environment.A", "environment.B=", "logging", "triggers", "creat"}
    request = provider_pb2.CheckRequest(urn=URN, news=props.to_struct({"stdin": True}))
    (failure,) = service.provider.Check(request, service.context).failures
    assert (failure.property, failure.reason) == ("stdin", "expected a string, got a boolean")
    assert check({"create": props.UNKNOWN, "environment": props.secret({"A": "b"})}) == []


def test_remote_commands_are_refused_clearly(service: SimpleNamespace) -> None:
    request = provider_pb2.CheckRequest(urn=REMOTE_URN, news=props.to_struct({"create": "true"}))
    (failure,) = service.provider.Check(request, service.context).failures
    assert "command:remote:Command needs the real plugin" in failure.reason
    with pytest.raises(AbortedError, match="needs the real plugin"):
        service.provider.Create(provider_pb2.CreateRequest(urn=REMOTE_URN), service.context)


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    record = tmp_path / "log" / "remote.jsonl"
    monkeypatch.setenv(REHEARSAL_RECORD, str(record))
    log = Log()
    return SimpleNamespace(
        provider=CommandProvider(log),
        log=log,
        context=Context(),
        ran=lambda: [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else [],
    )


def far(rehearsal: SimpleNamespace, operation: str, inputs: dict[str, Any], preview: bool = False) -> dict[str, Any]:
    news = props.to_struct(inputs)
    if operation == "create":
        request = provider_pb2.CreateRequest(urn=REMOTE_URN, properties=news, preview=preview)
        return props.from_struct(rehearsal.provider.Create(request, rehearsal.context).properties)
    request = provider_pb2.UpdateRequest(id="x", urn=REMOTE_URN, olds=news, news=news, preview=preview)
    return props.from_struct(rehearsal.provider.Update(request, rehearsal.context).properties)


def test_a_rehearsal_writes_down_what_would_run_where_and_runs_nothing(
    rehearsal: SimpleNamespace, tmp_path: Path
) -> None:
    connection = {"host": "10.0.0.1", "user": "deploy", "privateKey": "PRIVATE-KEY"}
    witness = tmp_path / "witness"
    inputs = {"connection": props.secret(connection), "create": f"touch {witness}; echo PRIVATE-KEY", "stdin": "{}"}
    assert far(rehearsal, "create", inputs, preview=True)["stdout"] == props.UNKNOWN
    assert rehearsal.ran() == []
    outputs = far(rehearsal, "create", inputs)
    assert (outputs["stdout"], outputs["connection"]) == ("", props.secret(connection))
    far(rehearsal, "update", inputs)
    far(rehearsal, "update", {**inputs, "update": "echo again"})
    rehearsal.provider.Delete(
        provider_pb2.DeleteRequest(id="x", urn=REMOTE_URN, properties=props.to_struct(inputs)), rehearsal.context
    )
    ran = rehearsal.ran()
    assert [(each["operation"], each["command"]) for each in ran] == [
        ("create", f"touch {witness}; echo [secret]"),
        ("update", f"touch {witness}; echo [secret]"),
        ("update", "echo again"),
    ]
    assert {(each["name"], each["host"], each["user"]) for each in ran} == {("far", "10.0.0.1", "deploy")}
    assert not witness.exists()
    assert all(line.startswith("stand-in, not run: on 10.0.0.1 as deploy: ") for line in rehearsal.log.lines)


def test_triggers_replace_a_remote_command_and_a_new_connection_updates_it(rehearsal: SimpleNamespace) -> None:
    old = {"connection": props.secret({"host": "10.0.0.1"}), "create": "x", "triggers": ["a", "id-1"]}

    def change(**news: Any) -> Any:
        request = provider_pb2.DiffRequest(
            id="x", urn=REMOTE_URN, old_inputs=props.to_struct(old), news=props.to_struct({**old, **news})
        )
        return rehearsal.provider.Diff(request, rehearsal.context)

    assert change().changes == provider_pb2.DiffResponse.DIFF_NONE
    assert list(change(triggers=["b", "id-1"]).replaces) == ["triggers"]
    assert list(change(triggers=["a", props.UNKNOWN]).replaces) == ["triggers"], "the id of a step that repeats"
    moved = change(connection=props.secret({"host": "10.0.0.2"}))
    assert (list(moved.diffs), list(moved.replaces)) == (["connection"], [])


def test_a_connection_is_checked_and_secret_as_a_whole(rehearsal: SimpleNamespace) -> None:
    def check_far(**inputs: Any) -> Any:
        request = provider_pb2.CheckRequest(urn=REMOTE_URN, news=props.to_struct(inputs))
        return rehearsal.provider.Check(request, rehearsal.context)

    good = check_far(create="x", connection={"host": "10.0.0.1"})
    assert not good.failures
    assert props.from_struct(good.inputs)["connection"] == props.secret({"host": "10.0.0.1"})
    bad = check_far(create=True, connection={"hots": "10.0.0.1", "port": "22", "proxy": {}}, dir="/tmp")
    assert {failure.property for failure in bad.failures} == {
        "create", "dir", "connection.host", "connection.hots", "connection.port", "connection.proxy.host",
    }  # fmt: skip
    assert [failure.property for failure in check_far(create="x").failures] == ["connection"]


def test_run_function(service: SimpleNamespace) -> None:
    def invoke(tok: str = "command:local:run", **arguments: Any) -> Any:
        request = provider_pb2.InvokeRequest(tok=tok, args=props.to_struct(arguments))
        return service.provider.Invoke(request, service.context)

    result = props.from_struct(getattr(invoke(command="echo hi"), "return"))
    assert (result["stdout"], result["command"]) == ("hi", "echo hi")
    assert [failure.property for failure in invoke().failures] == ["command"]
    assert [failure.property for failure in invoke(command="x", create="y").failures] == ["create"]
    with pytest.raises(AbortedError, match="needs the real plugin"):
        invoke(tok="command:remote:run")


def test_assets_and_archive_follow_the_rules_in_order(service: SimpleNamespace, tmp_path: Path) -> None:
    outputs = create(
        service,
        create="mkdir sub; echo a > sub/a.txt; echo b > b.txt",
        dir=str(tmp_path),
        assetPaths=["**.txt", "!b.*"],
        archivePaths=["*"],
    )
    assert list(outputs["assets"]) == ["sub/a.txt"]
    assert outputs["assets"]["sub/a.txt"]["path"] == str(tmp_path / "sub" / "a.txt")
    assert list(outputs["archive"]["assets"]) == ["b.txt"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["*"], ["a.js", "b.txt"]),
        (["**"], ["a.js", "b.txt", "d/c.js", "d/e/f.js"]),
        (["d/*.js"], ["d/c.js"]),
        (["**", "!**.js", "a.js"], ["a.js", "b.txt"]),
        (["?.{js,txt}"], ["a.js", "b.txt"]),
        (["[!a].txt", "[a-c].js"], ["a.js", "b.txt"]),
        (["d\\/c.js"], ["d/c.js"]),
    ],
)
def test_globs(tmp_path: Path, patterns: list[str], found: list[str]) -> None:
    for name in ("a.js", "b.txt", "d/c.js", "d/e/f.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert matching_files(tmp_path, patterns) == found


@pytest.mark.parametrize("pattern", ["[a", "{a,b"])
def test_bad_globs_are_named(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(GlobError) as error:
        matching_files(tmp_path, [pattern])
    assert pattern in str(error.value)


def run(*arguments: str, cancellation: Cancellation | None = None, timeout_s: float | None = None) -> process.Completed:
    return run_command(
        arguments,
        directory=None,
        environment=dict(os.environ),
        stdin="",
        cancellation=cancellation or Cancellation(),
        timeout_s=timeout_s,
    )


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} is still there")


def test_cancel_ends_the_whole_process_group_and_refuses_more(tmp_path: Path) -> None:
    cancellation = Cancellation()
    failure: list[Exception] = []
    pids = tmp_path / "pids"

    def target() -> None:
        try:
            run("/bin/sh", "-c", f"sleep 60 & echo $! > {pids}; echo $$ >> {pids}; wait", cancellation=cancellation)
        except CommandFailedError as error:
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    deadline = time.monotonic() + 5
    while (not pids.exists() or pids.read_text().count("\n") < 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    cancellation.cancel()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert "cancelled, killed by SIGTERM" in str(failure[0])
    for pid in pids.read_text().split():
        wait_until_gone(int(pid))
    with pytest.raises(CommandFailedError, match="before it was started"):
        run("/bin/true", cancellation=cancellation)


def test_a_command_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE_S", 0.2)
    monkeypatch.setattr(process.Running.end, "__defaults__", (0.2,))
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with pytest.raises(CommandFailedError, match=r"time limit of 0\.5 s"):
        run(sys.executable, "-c", script, timeout_s=0.5)


def test_output_beyond_the_limit_is_a_failure_not_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_CAPTURE", 2**20)
    with pytest.raises(CommandFailedError, match="more than 1 MiB on stdout"):
        run("/bin/sh", "-c", "yes")


def test_long_lines_and_bytes_that_are_no_text_are_captured_whole() -> None:
    completed = run(sys.executable, "-c", "import sys; sys.stdout.buffer.write(b'x' * 50000 + b'\\xff\\n')")
    assert completed.stdout == "x" * 50000 + "\N{REPLACEMENT CHARACTER}"


def test_redactor_takes_the_longest_secret_first() -> None:
    redact = Redactor(["abc", "abcdef", "xy"])
    assert redact("abcdef abc xy") == "[secret] [secret] xy"
    assert Redactor([])("abc") == "abc"


def test_redactor_takes_out_the_password_inside_a_secret_url() -> None:
    redact = Redactor(["postgres://me:s3cr3t-word@db/x"])
    assert redact("login as me with s3cr3t-word failed") == "login as me with [secret] failed"


@pytest.fixture
def plugin() -> Iterator[tuple[subprocess.Popen[str], provider_pb2_grpc.ResourceProviderStub]]:
    file = stand_in_directory(repository_layout()) / "pulumi-resource-command"
    plugin = subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True)
    assert plugin.stdout is not None
    with grpc.insecure_channel(f"127.0.0.1:{int(plugin.stdout.readline())}") as channel:
        yield plugin, provider_pb2_grpc.ResourceProviderStub(channel)
    plugin.kill()
    plugin.wait()
    plugin.stdout.close()


def test_plugin_process_serves_and_ends_its_commands_when_terminated(
    plugin: tuple[subprocess.Popen[str], provider_pb2_grpc.ResourceProviderStub], tmp_path: Path
) -> None:
    running, stub = plugin
    configured = stub.Configure(provider_pb2.ConfigureRequest(), timeout=10)
    assert configured.acceptSecrets
    pid = tmp_path / "pid"
    request = provider_pb2.CreateRequest(
        urn=URN, properties=props.to_struct({"create": f"echo $$ > {pid}; exec sleep 60"})
    )
    future = stub.Create.future(request, timeout=30)
    deadline = time.monotonic() + 5
    while (not pid.exists() or not pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=10) == 0
    with pytest.raises(grpc.RpcError, match="cancelled"):
        future.result()
    wait_until_gone(int(pid.read_text()))
