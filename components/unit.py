"""What a service is, apart from what runs it: the same unit becomes a supervisor program or a systemd unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

BAD_CONFIGURATION_EXIT = 78  # sysexits EX_CONFIG: restarting cannot help


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RestartPolicy(_Frozen):
    """Restart on failure, at most start_limit quick failures in a row; a quick one dies within settle_s."""

    start_limit: int = Field(5, ge=0, le=100)
    settle_s: int = Field(1, ge=0, le=60)
    never_after_exit: tuple[int, ...] = (0, BAD_CONFIGURATION_EXIT)


class HttpReadiness(_Frozen):
    """Ready when the URL answers 200."""

    kind: Literal["http"] = "http"
    url: str
    timeout_s: float = 30


class CommandReadiness(_Frozen):
    """Ready when the command exits 0; it does its own waiting up to timeout_s."""

    kind: Literal["command"] = "command"
    command: tuple[str, ...]
    timeout_s: float = 30


class TcpReadiness(_Frozen):
    """Ready when the port accepts a connection."""

    kind: Literal["tcp"] = "tcp"
    host: str
    port: int
    timeout_s: float = 30


Readiness = Annotated[HttpReadiness | CommandReadiness | TcpReadiness, Field(discriminator="kind")]


class Unit(_Frozen):
    """One service: command, identity, placement, environment, restart, stop and readiness."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    description: str
    command: tuple[str, ...] = Field(min_length=1)
    readiness: Readiness
    endpoint: str = ""  # where a person or a client reaches it
    user: str | None = None  # None: whoever brought the stack up
    cpus: tuple[int, ...] = ()
    numa_node: int | None = None
    environment: dict[str, str] = {}
    working_directory: str
    restart: RestartPolicy = RestartPolicy()
    stop_signal: Literal["TERM", "INT", "QUIT", "USR2"] = "TERM"
    stop_timeout_s: int = Field(10, ge=1, le=600)
    # the strategy and the router leave here what became of each order open at the stop signal
    cancel_proof: str | None = None
