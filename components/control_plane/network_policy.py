"""Network policies as text of the Kubernetes API, made from flows. No Pulumi import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from components.control_plane.pod_flows import NAMESPACES, End, Neighbour, PodFlow, Program, egress_of, ingress_of
from components.network.address_plan import Tier, subnet_cidr
from components.network.flows import Party

Spec = dict[str, Any]

NAME_LABEL = "app.kubernetes.io/name"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"  # set by the API server itself, so nobody can claim it
OBSERVABILITY = "observability"
# where the Pod Identity agent answers on every node
POD_IDENTITY_AGENT = "169.254.170.23/32"


# where the parties outside of the cluster are, by the address plan
_TIERS: Mapping[Party, Tier] = {
    Party.BUS: Tier.BUS,
    Party.DATABASE: Tier.DATA,
    Party.CACHE: Tier.DATA,
    Party.ADMIN_INGRESS: Tier.INGRESS,
    Party.ENDPOINTS: Tier.EKS_CONTROL_PLANE,
}


def party_cidrs(vpc_cidr: str, zones: int, administrator_cidrs: Sequence[str]) -> dict[Party, tuple[str, ...]]:
    """Addresses of the parties that the flows of pods name."""
    found = {
        party: tuple(subnet_cidr(vpc_cidr, tier, index) for index in range(zones)) for party, tier in _TIERS.items()
    }
    return {**found, Party.ADMINISTRATORS: tuple(administrator_cidrs)}


def default_deny() -> Spec:
    """Selects every pod of its namespace and allows nothing."""
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def allow_dns() -> Spec:
    """Every pod of its namespace may ask the cluster's DNS, and nothing else on that port."""
    peer = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [peer], "ports": ports}]}


def of_program(
    program: Program,
    cidrs: Mapping[Party, Sequence[str]],
    table: Iterable[PodFlow],
    pod_identity: bool = False,
) -> Spec:
    """The policy of one program. cidrs: addresses of the parties outside of the cluster. Raises ValueError."""
    rows = tuple(table)
    spec: Spec = {"podSelector": {"matchLabels": {NAME_LABEL: program.value}}, "policyTypes": ["Ingress", "Egress"]}
    ingress = [
        {"from": _peers(flow.source, cidrs), "ports": [{"protocol": "TCP", "port": flow.port}]}
        for flow in ingress_of(program, rows)
    ]
    egress = [
        {"to": _peers(flow.target, cidrs), "ports": [{"protocol": "TCP", "port": flow.port}]}
        for flow in egress_of(program, rows)
    ]
    if pod_identity:
        egress.append({"to": [_block(POD_IDENTITY_AGENT)], "ports": [{"protocol": "TCP", "port": 80}]})
    if ingress:
        spec["ingress"] = ingress
    if egress:
        spec["egress"] = egress
    return spec


def _block(cidr: str) -> Spec:
    return {"ipBlock": {"cidr": cidr}}


def _peers(end: End, cidrs: Mapping[Party, Sequence[str]]) -> list[Spec]:
    if isinstance(end, Party):
        known = cidrs.get(end, ())
        if not known:
            # an empty list of peers would mean everybody
            raise ValueError(f"{end.value}: no addresses are known for it, and a policy without peers allows everybody")
        return [_block(cidr) for cidr in known]
    namespace = OBSERVABILITY if isinstance(end, Neighbour) else NAMESPACES[end].value
    return [
        {
            "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: namespace}},
            "podSelector": {"matchLabels": {NAME_LABEL: end.value}},
        }
    ]
