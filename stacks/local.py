"""The `local` stack: the whole platform as supervised processes on this machine. Composition only."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pulumi

from cli.paths import Layout
from cli.sources import digest, package_files
from components.hot_path.role_config import Flow
from components.local.bus import NatsCluster, NatsClusterArgs
from components.local.database import Postgres, PostgresArgs
from components.local.engine import EngineArtifact, EngineArtifactArgs, EnginePin
from components.local.hot_path import HotPath, HotPathArgs, HotPathPorts, Place
from components.local.oms import Oms, OmsArgs
from components.local.secrets import LocalSecrets, LocalSecretsArgs
from components.local.service import LOOPBACK, Supervisor, SupervisorArgs
from stacks.settings import HOT_PATH_ROLES, LocalSettings, price4


def shm_prefix(run_dir: Path) -> str:
    """Shared-memory names of this copy of the stack: two clones never meet."""
    return f"ironlane-{hashlib.sha256(str(run_dir).encode()).hexdigest()[:8]}"


def replay_file(settings: LocalSettings, repository: Path) -> Path | None:
    """The recorded flow, relative paths counted from the repository."""
    return (repository / settings.replay.file).resolve() if settings.replay.file else None


def flow_id(settings: LocalSettings) -> str:
    """Names the flow: with the same id a restarted venue resumes, with another it starts anew."""
    source = Path(settings.replay.file).name.split(".")[0] if settings.replay.file else "generated"
    return settings.replay.flow_id or f"{source}-{settings.replay.seed}"


def hot_path_args(settings: LocalSettings, supervisor: SupervisorArgs, engine: Path, engine_sha256: str) -> HotPathArgs:
    """The settings in the hot path's own units."""
    ports, replay = settings.ports, settings.replay
    return HotPathArgs(
        supervisor=supervisor,
        engine=engine,
        engine_sha256=engine_sha256,
        host=supervisor.run_dir.name,
        environment=settings.environment,
        secrets=supervisor.run_dir / "secrets",
        symbol=settings.symbol,
        tick=price4(settings.instrument.tick),
        round_lot=settings.instrument.round_lot,
        ports=HotPathPorts(
            order_entry=ports.venue_order_entry,
            glimpse=ports.venue_glimpse,
            rerequest=ports.venue_rerequest,
            lines=ports.feed_lines,
            admin=ports.venue_admin,
            agent=ports.agent,
        ),
        flow=Flow(
            file=replay_file(settings, supervisor.repository),
            speed=replay.speed,
            max_rows_per_second=replay.max_rows_per_second,
            on_bad_row=replay.on_bad_row,
            seed=replay.seed,
            rows_per_second=replay.rows_per_second,
            reference_price=price4(replay.reference_price),
            rows=replay.rows,
            start=replay.start,
            flow_id=flow_id(settings),
        ),
        strategy_class=settings.strategy.class_,
        strategy_parameters=settings.strategy.parameters,
        limits=settings.limits.pre_trade(),
        idle=settings.placement.idle,
        places={
            role: Place(cpus=settings.placement.of(role).cpus, numa_node=settings.placement.of(role).numa_node)
            for role in HOT_PATH_ROLES
        },
        nats_urls=tuple(f"nats://{LOOPBACK}:{port}" for port in ports.nats_client),
    )


def _control_plane_digest(root: Path) -> str:
    return digest([*package_files(root / "controlplane"), *package_files(root / "wire")], base=root)


def program(settings: LocalSettings, layout: Layout) -> None:
    """Declare the stack."""
    run_dir = layout.stack_run(pulumi.get_stack())
    supervisor_args = SupervisorArgs(run_dir=run_dir, repository=layout.root, shm_prefix=shm_prefix(run_dir))
    pin = EnginePin.model_validate_json(layout.engine_manifest.read_bytes())
    supervisor = Supervisor("supervisor", supervisor_args)
    secrets = LocalSecrets("secrets", LocalSecretsArgs(supervisor=supervisor_args))
    engine = EngineArtifact(
        "engine",
        EngineArtifactArgs(repository=layout.root, wheel=layout.artifacts / pin.file, sha256=pin.sha256),
    )
    ready = pulumi.ResourceOptions(depends_on=[supervisor, secrets])
    bus = NatsCluster(
        "bus",
        NatsClusterArgs(
            supervisor=supervisor_args,
            client_ports=settings.ports.nats_client,
            cluster_ports=settings.ports.nats_cluster,
            monitor_ports=settings.ports.nats_monitor,
            environment=settings.environment,
            host=supervisor_args.run_dir.name,
        ),
        ready,
    )
    database = Postgres("postgres", PostgresArgs(supervisor=supervisor_args, port=settings.ports.postgres), ready)
    HotPath(
        "hot-path",
        hot_path_args(settings, supervisor_args, layout.engine(pin.sha256) / "bin" / "hotpath", pin.sha256),
        pulumi.ResourceOptions(depends_on=[supervisor, secrets, engine, bus]),
    )
    Oms(
        "oms",
        OmsArgs(
            supervisor=supervisor_args,
            environment=settings.environment,
            http_port=settings.ports.oms,
            database_port=settings.ports.postgres,
            nats_urls=bus.urls,
            programs_sha256=_control_plane_digest(layout.root),
        ),
        pulumi.ResourceOptions(depends_on=[bus, database]),
    )
    pulumi.export("engine_sha256", engine.sha256)
    pulumi.export("oms_url", f"http://{LOOPBACK}:{settings.ports.oms}")
    pulumi.export("agent_url", f"http://{LOOPBACK}:{settings.ports.agent}")
    pulumi.export("venue_url", f"http://{LOOPBACK}:{settings.ports.venue_admin}")
