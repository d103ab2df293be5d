"""What every workload is told of the environment around it."""

from __future__ import annotations

from typing import Any

import pulumi
from pydantic import BaseModel, ConfigDict, Field

from components.control_plane.image_reference import PinnedImage
from components.control_plane.pod_flows import CLICKHOUSE_HTTP, HTTP, NAMESPACES, Program
from components.control_plane.pod_identity import Statement
from components.control_plane.pod_spec import CONFIG_FOLDER, SecretFile
from components.control_plane.programs import BUILT, COMMANDS, CONFIG_FILE
from components.control_plane.workload import WorkloadArgs
from components.inputs import Text
from components.network.flows import Party

DATABASE_CA = "database-ca.pem"


# the program that sends what people decide is the bus's operator; most of the others are known by their own names
_BUS_USERS = {Program.ADMIN: "operator", Program.BUS_STREAMS: "declarer"}


class BusCredential(BaseModel):
    """What a user of the bus proves itself with, PEM. key is a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    ca: Text
    certificate: Text
    key: Text


class WorkloadContext(BaseModel):
    """bus_credentials: by bus user. stream_limits: JSON of `wire.streams.BusLimits`.

    database_secret_arn: of the administrator's password, under database_key_arn.
    database_logins and cache_logins: ARNs that a role connects by.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    region: str
    cluster_name: Text
    images: dict[Program, PinnedImage]
    repository_urls: dict[str, Text]
    replicas: dict[Program, int] = Field(default_factory=dict)
    cidrs: dict[Party, tuple[str, ...]]
    bus_urls: tuple[str, ...]
    bus_credentials: dict[str, BusCredential] = Field(default_factory=dict)
    stream_limits: str
    database_address: Text
    database_name: str
    database_ca_pem: str
    database_secret_arn: Text
    database_key_arn: Text
    database_logins: dict[str, Text]
    cache_address: Text
    cache_logins: dict[str, tuple[Text, ...]]

    def workload(self, program: Program, **more: Any) -> WorkloadArgs:
        """Args of that program; `more` is what only it has. Raises ValueError for an image that is not pinned here."""
        image = self.images.get(program)
        if image is None:
            raise ValueError(f"images.{program.value}: missing; pin the program's image by digest")
        url = self.repository_urls.get(image.repository)
        if url is None:
            known = ", ".join(sorted(self.repository_urls))
            raise ValueError(f"images.{program.value}: no repository {image.repository!r}; repositories: {known}")
        return WorkloadArgs(
            environment=self.environment,
            program=program,
            image=image,
            repository_url=url,
            built=program in BUILT,
            replicas=self.replicas.get(program, 1),
            cidrs=self.cidrs,
            cluster_name=self.cluster_name,
            **more,
        )

    def command(self, program: Program) -> tuple[str, ...]:
        return COMMANDS[program]

    def bus(self, program: Program) -> dict[str, Any]:
        """Part of a configuration: servers, and the certificate that says who the program is."""
        ca, certificate, key = bus_files(program)
        return {
            "servers": list(self.bus_urls),
            "user": bus_user(program),
            "tls": {"ca_file": ca.path, "cert_file": certificate.path, "key_file": key.path},
        }

    def database(self, user: str) -> dict[str, Any]:
        """Part of a configuration: TLS with the server checked, a login token instead of a password."""
        dsn = pulumi.Output.concat(
            f"postgresql://{user}@",
            self.database_address,
            f":5432/{self.database_name}?sslmode=verify-full&sslrootcert={CONFIG_FOLDER}/{DATABASE_CA}",
        )
        return {"dsn": dsn, "iam_region": self.region}

    def database_right(self, user: str) -> Statement:
        return Statement(actions=("rds-db:connect",), resources=(self.database_logins[user],))

    def cache(self, user: str) -> dict[str, Any]:
        return {
            "host": self.cache_address,
            "port": 6379,
            "tls": True,
            "user": f"ironlane-{self.environment}-{user}",
            "iam_region": self.region,
        }

    def cache_right(self, user: str) -> Statement:
        return Statement(actions=("elasticache:Connect",), resources=self.cache_logins[user])

    def configuration(self, program: Program, **sections: Any) -> dict[str, Text]:
        """The program's file, and the authority of the database's certificate where it connects to it."""
        files: dict[str, Text] = {
            CONFIG_FILE: pulumi.Output.json_dumps({"environment": self.environment, **sections}, indent=2)
        }
        if "database" in sections:
            files[DATABASE_CA] = self.database_ca_pem
        return files


def bus_user(program: Program) -> str:
    return _BUS_USERS.get(program, program.value)


def bus_files(program: Program) -> tuple[SecretFile, SecretFile, SecretFile]:
    """Authority, certificate and key, in the Secret that the platform makes of the bus's credentials."""
    secret = f"bus-{program.value}"
    return (
        SecretFile(secret=secret, key="ca.crt"),
        SecretFile(secret=secret, key="tls.crt"),
        SecretFile(secret=secret, key="tls.key"),
    )


def service_url(program: Program, port: int = HTTP) -> str:
    return f"http://{program.value}.{NAMESPACES[program].value}.svc.cluster.local:{port}"


def clickhouse_url() -> str:
    return service_url(Program.CLICKHOUSE, CLICKHOUSE_HTTP)
