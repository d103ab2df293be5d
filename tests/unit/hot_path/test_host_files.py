"""Every file of a trading host together: they fit each other, and the programs that read them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from host_samples import COMPOSITE, METAL, NETWORK, ROLES, inputs, specification

from components.hot_path.host.specification import HostTuning, host_specification
from components.hot_path.host_files import CHECK_LIST, HostFiles, host_files
from components.hot_path.roles import unit_name
from hotpath import config
from hotpath.cli import ROLES as ENGINE_ROLES

UNITS = "/etc/systemd/system/"


def files(roles: tuple[str, ...] = ROLES, **change: Any) -> HostFiles:
    return host_files(specification(roles), NETWORK, roles, inputs(**change))


def role_document(found: HostFiles, role: str, kind: type[Any]) -> Any:
    return msgspec.json.decode(found.files[f"/etc/ironlane/roles/{role}.json"], type=kind)


@pytest.mark.parametrize("roles", [ROLES, COMPOSITE])
def test_every_role_can_read_its_configuration(roles: tuple[str, ...]) -> None:
    found = files(roles)
    for role in set(roles) - {"composite"}:
        document = role_document(found, role, getattr(config, ENGINE_ROLES[role][1]))
        assert document.runtime.data_dir == f"/var/lib/ironlane/{role}"
        assert document.runtime.shm_prefix == "ironlane"
        unit = found.files[UNITS + unit_name(role)]
        assert f"run {role} --config /etc/ironlane/roles/{role}.json" in unit
        assert f"StateDirectory=ironlane/{role}\n" in unit


def test_secrets_are_read_where_the_unit_puts_them() -> None:
    found = files()
    router = role_document(found, "order-router", config.OrderRouterConfig)
    assert router.account.password_file == "/run/credentials/ironlane-order-router.service/order-entry"
    agent = role_document(found, "agent", config.AgentConfig)
    assert agent.nats.password_file == "/run/credentials/ironlane-agent.service/nats-agent"
    sources = {
        "order-router": "order-entry:/etc/ironlane/credentials/order-entry",
        "agent": "nats-agent:/etc/ironlane/nats-leaf/agent.password",
    }
    for role, source in sources.items():
        assert f"LoadCredential={source}\n" in found.files[UNITS + unit_name(role)]
    assert agent.journal_dir == router.runtime.data_dir


def test_a_composite_finds_the_files_of_its_parts() -> None:
    found = files(COMPOSITE)
    composite = role_document(found, "composite", config.CompositeConfig)
    assert (composite.idle.mode, composite.order_router) == ("spin", None)
    for part, kind in ((composite.feed_handler, config.FeedHandlerConfig), (composite.strategy, config.StrategyConfig)):
        msgspec.json.decode(found.files[part], type=kind)


def test_a_changed_sysctl_changes_the_digest_and_nothing_but_its_files() -> None:
    tuned = host_specification(METAL, ROLES, tuning=HostTuning(sysctls={"vm.stat_interval": 30}))
    before, after = files(), host_files(tuned, NETWORK, ROLES, inputs())
    assert before.sha256 != after.sha256
    changed = {path for path in before.files if before.files[path] != after.files[path]}
    assert CHECK_LIST in changed
    assert len(changed) == 2
    assert set(before.files) == set(after.files)


def test_the_document_is_what_the_rollout_writes() -> None:
    found = files()
    assert json.loads(found.document) == found.files
    assert files().document == found.document
    assert all(path.startswith(("/etc/", "/usr/local/lib/ironlane/")) for path in found.files)


def test_no_secret_is_in_any_file() -> None:
    assert "password_file" in files().document
    assert '"password"' not in files().document


def test_two_texts_of_one_file_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.hot_path.host_files.APPLY", CHECK_LIST)
    with pytest.raises(ValueError, match=r"host-check\.json: rendered twice"):
        files()
