"""Reading one secret of AWS Secrets Manager: one signed POST, no SDK. Source: AWS, API GetSecretValue."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from controlplane.aws_login import ALGORITHM, AwsLoginError, Credentials, signature, time_stamp

_SERVICE: Final = "secretsmanager"
_TARGET: Final = "secretsmanager.GetSecretValue"
_CONTENT: Final = "application/x-amz-json-1.1"
_TIMEOUT_S: Final = 5.0


def headers(credentials: Credentials, region: str, host: str, body: bytes, now: datetime) -> dict[str, str]:
    """What the request carries beside its body, the signature over both among it. Pure."""
    stamp = time_stamp(now)
    scope = f"{stamp[:8]}/{region}/{_SERVICE}/aws4_request"
    sent = {
        "content-type": _CONTENT,
        "host": host,
        "x-amz-date": stamp,
        "x-amz-security-token": credentials.session_token,
        "x-amz-target": _TARGET,
    }
    signed = ";".join(sorted(sent))
    canonical = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
    request = "\n".join(("POST", "/", "", canonical, signed, hashlib.sha256(body).hexdigest()))
    proof = signature(credentials, stamp, scope, request)
    credential = f"Credential={credentials.access_key}/{scope}"
    return {**sent, "authorization": f"{ALGORITHM} {credential}, SignedHeaders={signed}, Signature={proof}"}


async def secret_value(credentials: Credentials, region: str, secret: str, now: datetime, endpoint: str = "") -> str:
    """The current text of the secret with that ARN. Raises AwsLoginError, which tells no secret."""
    url = endpoint or f"https://{_SERVICE}.{region}.amazonaws.com"
    body = json.dumps({"SecretId": secret}).encode()
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
            sent = headers(credentials, region, urlsplit(url).netloc, body, now)
            answer = await client.post(f"{url}/", content=body, headers=sent)
        if answer.is_client_error:  # names the reason: no such secret, not allowed
            raise AwsLoginError(f"{secret}: refused ({answer.status_code} {_reason(answer)})")
        answer.raise_for_status()
        text = answer.json()["SecretString"]
    except (OSError, httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise AwsLoginError(f"{url}: no answer about {secret} ({type(error).__name__})") from None
    if not isinstance(text, str):
        raise AwsLoginError(f"{secret}: is not a text")
    return text


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["__type"])
    except (ValueError, KeyError, TypeError):
        return "for a reason that it does not name"
