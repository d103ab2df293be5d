"""Who reaches which program, read off the policies as the cluster gets them and compared with a second list."""

from __future__ import annotations

from typing import Any

import pytest

from components.control_plane.network_policy import allow_dns, default_deny, of_program, party_cidrs
from components.control_plane.pod_flows import (
    NAMESPACES,
    POD_FLOWS,
    Namespace,
    PodFlow,
    Program,
    check_leaving,
    egress_of,
)
from components.network.flows import Party, VenuePorts, allowed_flows

NETWORK = allowed_flows(VenuePorts(order_entry=26400, snapshot=26500, rerequest=26477, lines=(26401, 26402)))
CIDRS = party_cidrs("10.40.0.0/16", 3, ["203.0.113.0/28"])
OUTSIDE = (Party.BUS, Party.ENDPOINTS, Party.ADMIN_INGRESS, Party.ADMINISTRATORS)
PARTIES = {cidr: party.value for party in OUTSIDE for cidr in CIDRS[party]}
# database and cache share subnets; their security groups tell them apart
PARTIES |= dict.fromkeys(CIDRS[Party.DATABASE], "data")

# Written out a second time on purpose: a flow that is added to the table must be added here, by somebody who means it.
INTO = {
    Program.BUS_STREAMS: set(),
    Program.DATABASE_USERS: set(),
    Program.OMS: {("risk-engine", 8080), ("admin", 8080), ("prometheus", 8080)},
    Program.RISK_ENGINE: {("admin", 8080), ("prometheus", 8080)},
    Program.MARKET_DATA_RECORDER: {("prometheus", 9090)},
    Program.REFERENCE_DATA: {("risk-engine", 8080), ("admin", 8080), ("prometheus", 8080)},
    Program.CLICKHOUSE: {
        ("market-data-recorder", 8123),
        ("audit-ingest", 8123),
        ("reporting", 8123),
        ("backtest", 8123),
        ("prometheus", 9363),
    },
    Program.ADMIN: {("administrators", 8443), ("admin-ingress", 8443), ("prometheus", 9090)},
    Program.AUDIT_INGEST: {("prometheus", 9090)},
    Program.REPORTING: set(),
    Program.BACKTEST: set(),
}
OUT_OF = {
    Program.BUS_STREAMS: {("bus", 4222)},
    Program.DATABASE_USERS: {("data", 5432), ("endpoints", 443)},
    Program.OMS: {("bus", 4222), ("data", 5432)},
    Program.RISK_ENGINE: {("bus", 4222), ("data", 6379), ("oms", 8080), ("reference-data", 8080)},
    Program.MARKET_DATA_RECORDER: {("bus", 4222), ("clickhouse", 8123)},
    Program.REFERENCE_DATA: {("bus", 4222), ("data", 5432)},
    Program.CLICKHOUSE: set(),
    Program.ADMIN: {("bus", 4222), ("data", 6379), ("oms", 8080), ("risk-engine", 8080), ("reference-data", 8080)},
    Program.AUDIT_INGEST: {("bus", 4222), ("clickhouse", 8123)},
    Program.REPORTING: {("data", 5432), ("clickhouse", 8123)},
    Program.BACKTEST: {("clickhouse", 8123)},
}


def peers(rules: list[dict[str, Any]], key: str) -> set[tuple[str, int]]:
    """(who, port) of every rule. A rule without peers or ports would allow everybody or everything."""
    found = set()
    for rule in rules:
        assert rule[key], rule
        assert rule["ports"], rule
        for peer in rule[key]:
            if "ipBlock" in peer:
                who = PARTIES[peer["ipBlock"]["cidr"]]
            else:
                # both selectors in one peer: only that program in only that namespace
                assert peer["namespaceSelector"]["matchLabels"], peer
                who = peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
            for port in rule["ports"]:
                assert port["protocol"] == "TCP"
                found.add((who, port["port"]))
    return found


@pytest.mark.parametrize("program", list(Program))
def test_every_program_reaches_and_is_reached_by_those_alone(program: Program) -> None:
    policy = of_program(program, CIDRS, POD_FLOWS)
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": program.value}}
    assert peers(policy.get("ingress", []), "from") == INTO[program]
    assert peers(policy.get("egress", []), "to") == OUT_OF[program]


def test_a_flow_that_is_opened_shows_in_both_policies() -> None:
    """The test above would fail: shown on a table with one more row."""
    more = (*POD_FLOWS, PodFlow(source=Program.BACKTEST, target=Program.OMS, port=8080, why="a slip"))
    assert ("backtest", 8080) in peers(of_program(Program.OMS, CIDRS, more)["ingress"], "from") - INTO[Program.OMS]
    assert ("oms", 8080) in peers(of_program(Program.BACKTEST, CIDRS, more)["egress"], "to") - OUT_OF[Program.BACKTEST]


def test_no_program_reaches_the_hot_path_but_by_the_bus() -> None:
    targets = {flow.target for program in Program for flow in egress_of(program)}
    assert not targets & {Party.HOT_PATH, Party.MARKET_DATA, Party.VENUE}


def test_what_leaves_the_cluster_is_open_between_security_groups_too() -> None:
    check_leaving(POD_FLOWS, NETWORK)
    without = [flow for flow in NETWORK if flow.target is not Party.CACHE]
    with pytest.raises(ValueError, match=r"risk-engine to cache on 6379: components/network/flows.py opens no such"):
        check_leaving(POD_FLOWS, without)


def test_a_party_without_addresses_is_an_error_and_not_everybody() -> None:
    with pytest.raises(ValueError, match="a policy without peers allows everybody"):
        of_program(Program.OMS, {**CIDRS, Party.BUS: ()}, POD_FLOWS)


def test_pod_identity_is_one_address_on_one_port() -> None:
    (plain, with_identity) = (of_program(Program.OMS, CIDRS, POD_FLOWS, each)["egress"] for each in (False, True))
    (more,) = [rule for rule in with_identity if rule not in plain]
    assert more == {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]}


def test_the_default_allows_nothing_and_dns_only_the_clusters_own() -> None:
    assert default_deny() == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = allow_dns()["egress"]
    (peer,) = rule["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    assert {port["port"] for port in rule["ports"]} == {53}
    assert allow_dns()["policyTypes"] == ["Egress"]


def test_every_program_has_a_namespace_and_every_namespace_a_program() -> None:
    assert set(NAMESPACES) == set(Program)
    assert set(NAMESPACES.values()) == set(Namespace)
