"""Logging in to RDS with an IAM token in place of a password, from a pod with EKS Pod Identity.

Two things of AWS are needed, so there is no SDK: the credentials that the node's Pod Identity agent hands out (the
container credential provider: AWS_CONTAINER_CREDENTIALS_FULL_URI and its token file), and one URL signed with
Signature Version 4 in its query, which RDS takes as the password for 15 minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import httpx

_URI: Final = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
_TOKEN_FILE: Final = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
_TIMEOUT_S: Final = 2.0
_LIFETIME_S: Final = 900
ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SERVICE: Final = "rds-db"
# hosts that the SDKs send the pod's token to without TLS: the agents of EKS and ECS, and this machine
_AGENTS: Final = ("169.254.170.23", "169.254.170.2", "127.0.0.1", "localhost")


class AwsLoginError(Exception):
    """No credentials could be had; the text says from where and why."""


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


async def pod_credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """What the node's agent gives this pod now. Raises AwsLoginError."""
    url, file = environment.get(_URI), environment.get(_TOKEN_FILE)
    if not url or not file:
        raise AwsLoginError(
            f"{_URI} and {_TOKEN_FILE} are not both set: the pod has no Pod Identity; is its service account"
            " associated with a role, and was it before the pod started?"
        )
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _AGENTS:
        raise AwsLoginError(f"{_URI}: {url} is not an agent on this node; the pod's token is not sent there")
    try:
        token = Path(file).read_text("utf-8").strip()
        # a proxy must never see the token
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            answer = await client.get(url, headers={"Authorization": token})
        answer.raise_for_status()
        found = answer.json()
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
    except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise AwsLoginError(f"{url}: no credentials ({type(error).__name__}: {error})") from None


def database_token(credentials: Credentials, region: str, host: str, port: int, user: str, now: datetime) -> str:
    """The password for `user` for 15 minutes from `now`. Pure. Source: AWS, Signature Version 4, query string."""
    stamp = time_stamp(now)
    scope = f"{stamp[:8]}/{region}/{_SERVICE}/aws4_request"
    query = {
        "Action": "connect",
        "DBUser": user,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(_LIFETIME_S),
        "X-Amz-Security-Token": credentials.session_token,
        "X-Amz-SignedHeaders": "host",
    }
    canonical_query = "&".join(f"{quote(key, safe='-_.~')}={quote(query[key], safe='-_.~')}" for key in sorted(query))
    request = "\n".join(
        ("GET", "/", canonical_query, f"host:{host}:{port}", "", "host", hashlib.sha256(b"").hexdigest())
    )
    return f"{host}:{port}/?{canonical_query}&X-Amz-Signature={signature(credentials, stamp, scope, request)}"


def time_stamp(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def signature(credentials: Credentials, stamp: str, scope: str, request: str) -> str:
    """Of a canonical request. Source: AWS, Signature Version 4."""
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
