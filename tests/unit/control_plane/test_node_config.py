from __future__ import annotations

import email
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from components.control_plane.node_config import (
    TRADING_SYSCTLS,
    ClusterFacts,
    KubeletSettings,
    node_config,
    user_data,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "control_plane"
FACTS = ClusterFacts(
    name="ironlane-prod",
    endpoint="https://0123456789ABCDEF.gr7.us-east-1.eks.amazonaws.com",
    certificate_authority="Y2VydGlmaWNhdGU=",
    service_cidr="172.20.0.0/16",
)
TRADING = KubeletSettings(static_cpus=True, reserved_cpu_millicores=2000, max_pods=60)


def test_trading_node_config_is_as_reviewed() -> None:
    config = node_config(FACTS, TRADING, {"ironlane/pool": "trading"})
    assert user_data(config, TRADING_SYSCTLS) == (GOLDEN / "trading-node-user-data.txt").read_text()


def test_user_data_is_a_mime_document_that_nodeadm_reads() -> None:
    message = email.message_from_string(user_data(node_config(FACTS, TRADING, {}), TRADING_SYSCTLS))
    parts = {part.get_content_type(): part.get_payload() for part in message.walk() if not part.is_multipart()}
    assert set(parts) == {"text/x-shellscript", "application/node.eks.aws"}
    document = yaml.safe_load(str(parts["application/node.eks.aws"]))
    assert document["kind"] == "NodeConfig"
    assert document["spec"]["kubelet"]["config"]["cpuManagerPolicy"] == "static"


def test_the_static_policy_has_a_reservation_and_no_cgroup_conflict() -> None:
    config = yaml.safe_load(node_config(FACTS, TRADING, {}))["spec"]["kubelet"]["config"]
    assert config["kubeReserved"]["cpu"] == "2000m"
    assert "reservedSystemCPUs" not in config
    with pytest.raises(ValidationError, match="the kubelet does not start"):
        KubeletSettings(static_cpus=True, reserved_system_cpus="0-1")


def test_other_pools_keep_the_default_policy() -> None:
    config = yaml.safe_load(node_config(FACTS, KubeletSettings(), {}))["spec"]["kubelet"]["config"]
    assert "cpuManagerPolicy" not in config
