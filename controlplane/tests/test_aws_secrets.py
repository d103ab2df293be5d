"""Reading a secret: the signature against the SDK's own, the answers over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from controlplane.aws_login import AwsLoginError, Credentials
from controlplane.aws_secrets import headers, secret_value

CREDENTIALS = Credentials("ASIAEXAMPLEEXAMPLE01", "s3cr3t/with+signs=", "session//token+with=signs&more")
ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-EXAMPLE-AbCdEf"
HOST = "secretsmanager.us-east-1.amazonaws.com"


def test_the_signature_is_the_one_that_the_sdk_makes() -> None:
    body = json.dumps({"SecretId": ARN}).encode()
    request = botocore.awsrequest.AWSRequest(
        "POST",
        f"https://{HOST}/",
        data=body,
        headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"},
    )
    theirs = botocore.credentials.Credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, CREDENTIALS.session_token)
    botocore.auth.SigV4Auth(theirs, "secretsmanager", "us-east-1").add_auth(request)
    stamp = request.headers["X-Amz-Date"]
    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert headers(CREDENTIALS, "us-east-1", HOST, body, now)["authorization"] == request.headers["Authorization"]


class Manager:
    """Answers as the API does."""

    def __init__(self) -> None:
        self.url = ""
        self.status = "200 OK"
        self.answer = json.dumps({"SecretString": "the secret"})
        self.asked = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        (length,) = [int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length:")]
        self.asked = head + (await reader.readexactly(length)).decode()
        sent = f"Content-Length: {len(self.answer)}\r\nConnection: close\r\n\r\n{self.answer}"
        writer.write(f"HTTP/1.1 {self.status}\r\n{sent}".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def manager() -> AsyncIterator[Manager]:
    manager = Manager()
    async with await asyncio.start_server(manager.serve, "127.0.0.1", 0) as server:
        manager.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield manager


async def ask(manager: Manager) -> str:
    return await secret_value(CREDENTIALS, "us-east-1", ARN, datetime.now(UTC), manager.url)


async def test_the_text_of_the_secret_is_what_is_asked_for(manager: Manager) -> None:
    assert await ask(manager) == "the secret"
    assert "x-amz-target: secretsmanager.getsecretvalue\r\n" in manager.asked
    assert ARN in manager.asked


async def test_refusals_and_broken_answers_are_named_and_tell_no_secret(manager: Manager) -> None:
    manager.status, manager.answer = "400 Bad Request", '{"__type": "AccessDeniedException"}'
    with pytest.raises(AwsLoginError, match=r"refused \(400 AccessDeniedException\)"):
        await ask(manager)
    manager.status, manager.answer = "200 OK", '{"SecretBinary": "c2VjcmV0"}'
    with pytest.raises(AwsLoginError, match=r"no answer about .* \(KeyError\)") as caught:
        await ask(manager)
    assert "c2VjcmV0" not in str(caught.value)
    manager.status = "500 Internal Server Error"
    with pytest.raises(AwsLoginError, match="HTTPStatusError"):
        await ask(manager)
