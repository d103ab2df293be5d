"""What providers compute, as far as our components read it: ids, ARNs, keys. One made-up value per resource."""

from __future__ import annotations

import re
from typing import Any

from rehearsal.plugins.aws.identifiers import computed, name_property
from tests.recorder.properties import secret

REGION = "us-east-1"
ACCOUNT = "123456789012"
_GLOBAL = {"iam": "", "s3": ""}  # services whose ARNs name no region
_TLS_SECRETS = ("privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh")
_TLS = ("publicKeyPem", "publicKeyOpenssh", "certPem", "certRequestPem")


def id_of(name: str) -> str:
    return f"{name}-id"


def answers(type_: str, urn: str, name: str) -> dict[str, Any]:
    """Outputs beside the inputs, of an update; a preview knows none of them."""
    if type_.startswith("command:"):
        return {"stdout": "", "stderr": ""}
    if type_.startswith("tls:"):
        return {
            **{each: f"{each} of {name}" for each in _TLS},
            **{each: secret(f"{each} of {name}") for each in _TLS_SECRETS},
        }
    if type_.startswith("aws:"):
        return {"arn": _arn(type_, name), name_property(urn): name, **computed(type_, urn, id_of(name), REGION)}
    return {}


def _arn(type_: str, name: str) -> str:
    module, kind = type_.split(":")[1].split("/")
    service = {"cloudwatch": "logs" if kind == "logGroup" else "cloudwatch"}.get(module, module)
    match service:
        case "s3":
            return f"arn:aws:s3:::{name}"
        case "iam":
            return f"arn:aws:iam::{ACCOUNT}:{'instance-profile' if kind == 'instanceProfile' else kind}/{name}"
        case _:
            shown = re.sub("[A-Z]", lambda found: f"-{found[0].lower()}", kind)
            return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{shown}/{name}"
