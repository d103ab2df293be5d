"""Ids, ARNs and computed outputs in the shape that AWS gives them; the same resource always gets the same ones."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

from rehearsal.plugins.aws.semantics import Semantics

ACCOUNT = "000000000000"  # no account of AWS: nobody can take it for a real one
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "lower": "abcdefghijklmnopqrstuvwxyz234567",
    "digits": "0123456789",
}
_HOLE = re.compile(r"<(\d+) (hex|upper|lower|digits)>")
# the property that holds a resource's own name, where it is not `name`
_NAME_PROPERTIES = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:ec2/keyPair:KeyPair": "keyName",
    "aws:eks/nodeGroup:NodeGroup": "nodeGroupName",
    "aws:rds/instance:Instance": "identifier",
    "aws:elasticache/replicationGroup:ReplicationGroup": "replicationGroupId",
}


def _digits(seed: str, alphabet: str, count: int) -> str:
    number = int.from_bytes(hashlib.sha512(seed.encode()).digest(), "big")
    text = []
    for _ in range(count):
        number, index = divmod(number, len(alphabet))
        text.append(alphabet[index])
    return "".join(text)


def name_property(urn: str) -> str:
    return _NAME_PROPERTIES.get(urn.split("::")[2].rsplit("$", 1)[-1], "name")


def own_name(urn: str, inputs: Mapping[str, Any]) -> str:
    """The name that the program gave, or the one that the provider would make up."""
    given = inputs.get(name_property(urn))
    if isinstance(given, str):
        return given
    return f"{urn.rsplit('::', 1)[-1]}-{_digits(urn, _ALPHABETS['hex'], 7)}"


def make_id(kind: Semantics, urn: str, inputs: Mapping[str, Any], attempt: str) -> str:
    """attempt: differs between a resource and its replacement."""
    if kind.id == "<uuid>":
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{urn}{attempt}"))
    if _HOLE.search(kind.id):
        return _HOLE.sub(lambda hole: _digits(f"{urn}{attempt}{hole[0]}", _ALPHABETS[hole[2]], int(hole[1])), kind.id)
    return own_name(urn, inputs)


def make_arn(kind: Semantics, urn: str, inputs: Mapping[str, Any], id_: str, region: str) -> str | None:
    if not kind.arn:
        return None
    known = {key: str(value) for key, value in inputs.items() if isinstance(value, (str, int, float))}
    values = {"path": "/", **known, "partition": "aws", "region": region, "account": ACCOUNT, "id": id_}
    values.setdefault("name", own_name(urn, inputs))
    text = re.sub(r"\{([^}]*)\}", lambda hole: values.get(hole[1], own_name(urn, inputs)), kind.arn)
    return re.sub(r"<[^>]*>", lambda hole: _digits(urn + hole[0], _ALPHABETS["hex"], 16), text)


def computed(type_: str, urn: str, id_: str, region: str) -> dict[str, Any]:
    """Outputs that our components read and AWS would give; what is not here stays absent."""

    def hexadecimal(count: int) -> str:
        return _digits(f"{urn}{id_}", _ALPHABETS["hex"], count)

    octets = hashlib.sha256(f"{urn}{id_}".encode()).digest()
    address = f"10.{octets[0]}.{octets[1]}.{4 + octets[2] % 250}"
    name = urn.rsplit("::", 1)[-1]
    match type_:
        case "aws:ec2/instance:Instance" | "aws:ec2/networkInterface:NetworkInterface":
            return {"privateIp": address}
        case "aws:ec2/vpcEndpoint:VpcEndpoint":
            return {"prefixListId": f"pl-{hexadecimal(17)}"}
        case "aws:ec2/placementGroup:PlacementGroup":
            return {"placementGroupId": f"pg-{hexadecimal(17)}"}
        case "aws:ec2/launchTemplate:LaunchTemplate":
            return {"latestVersion": 1}
        case "aws:eks/cluster:Cluster":
            authority = base64.b64encode(b"rehearsal: no certificate").decode()
            return {
                "endpoint": f"https://{hexadecimal(32).upper()}.gr7.{region}.eks.amazonaws.com",
                "certificateAuthority": {"data": authority},
            }
        case "aws:rds/instance:Instance":
            host = f"{name}.{hexadecimal(12)}.{region}.rds.amazonaws.com"
            secret = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:rds!{id_}"
            return {
                "endpoint": f"{host}:5432",
                "address": host,
                "port": 5432,
                "resourceId": id_,
                "masterUserSecrets": [{"secretArn": secret, "secretStatus": "active"}],
            }
        case "aws:elasticache/replicationGroup:ReplicationGroup":
            return {"primaryEndpointAddress": f"master.{name}.{hexadecimal(6)}.{region}.cache.amazonaws.com"}
        case "aws:eks/nodeGroup:NodeGroup":
            group = f"eks-{name}-{hexadecimal(8)}"
            return {"resources": [{"autoscalingGroups": [{"name": group}]}]}
        case "aws:lb/loadBalancer:LoadBalancer":
            return {"dnsName": f"{name}-{hexadecimal(16)}.elb.{region}.amazonaws.com"}
        case "aws:ecr/repository:Repository":
            return {"repositoryUrl": f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{name}"}
        case _:
            return {}
