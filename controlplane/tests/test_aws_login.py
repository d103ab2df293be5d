"""IAM login to the database: the token against the SDK's own, the agent over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

import botocore.session
import pytest

from controlplane.aws_login import AwsLoginError, Credentials, database_token, pod_credentials

CREDENTIALS = Credentials("ASIAEXAMPLEEXAMPLE01", "s3cr3t/with+signs=", "session//token+with=signs&more")
HOST, PORT, REGION = "database.abc123.us-east-1.rds.amazonaws.com", 5432, "us-east-1"


@pytest.mark.parametrize("user", ["oms", "reference_data", "someone@example.com"])
def test_the_token_is_the_one_that_the_sdk_makes(user: str) -> None:
    session = botocore.session.Session()
    session.set_credentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, CREDENTIALS.session_token)
    theirs = session.create_client("rds", region_name=REGION).generate_db_auth_token(HOST, PORT, user)
    stamp = parse_qs(theirs.partition("?")[2])["X-Amz-Date"][0]
    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    ours = database_token(CREDENTIALS, REGION, HOST, PORT, user, now)
    assert ours.partition("?")[0] == theirs.partition("?")[0]
    assert parse_qs(ours.partition("?")[2]) == parse_qs(theirs.partition("?")[2])


def test_no_secret_is_shown() -> None:
    assert "s3cr3t" not in repr(CREDENTIALS)
    assert "session" not in repr(CREDENTIALS)
    assert "s3cr3t" not in database_token(CREDENTIALS, REGION, HOST, PORT, "oms", datetime.now(UTC))


class Agent:
    """Answers as the Pod Identity agent does, to whoever sends the pod's token."""

    def __init__(self) -> None:
        self.port = 0
        self.answer = json.dumps({"AccessKeyId": "ASIA", "SecretAccessKey": "key", "Token": "token"})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        good = "authorization: pod-token\r\n" in head
        status, body = ("200 OK", self.answer) if good else ("403 Forbidden", "")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    agent = Agent()
    async with await asyncio.start_server(agent.serve, "127.0.0.1", 0) as server:
        agent.port = server.sockets[0].getsockname()[1]
        yield agent


def environment(agent: Agent, folder: Path, token: str = "pod-token\n") -> dict[str, str]:
    file = folder / "token"
    file.write_text(token)
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{agent.port}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
    }


async def test_the_agent_gives_credentials_for_the_pods_token(agent: Agent, tmp_path: Path) -> None:
    assert await pod_credentials(environment(agent, tmp_path)) == Credentials("ASIA", "key", "token")


async def test_what_goes_wrong_is_named_and_tells_no_secret(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(AwsLoginError, match="403"):
        await pod_credentials(environment(agent, tmp_path, "another"))
    agent.answer = '{"AccessKeyId": "ASIA", "SecretAccessKey": "key"}'
    with pytest.raises(AwsLoginError, match="KeyError: 'Token'"):
        await pod_credentials(environment(agent, tmp_path))
    with pytest.raises(AwsLoginError, match="has no Pod Identity"):
        await pod_credentials({})
    elsewhere = {**environment(agent, tmp_path), "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"}
    with pytest.raises(AwsLoginError, match="is not sent there"):
        await pod_credentials(elsewhere)
