"""Three NATS servers in three zones, changed strictly one after another, and a leaf node on every trading host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
from pulumi_aws import ebs, ec2
from pulumi_command import remote
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.bus import first_boot, leaf_node, server_change, server_config
from components.bus.capacity import Load, Volume, shortages, stream_limits
from components.bus.certificates import (
    ROUTE,
    SERVER,
    USER,
    Certificate,
    CertificateArgs,
    CertificateAuthority,
    CertificateAuthorityArgs,
    Listener,
)
from components.bus.launch_rules import broken_rules
from components.bus.nats_config import Limits
from components.bus.server_change import Release, broken_release
from components.inputs import Text
from components.options import child_options
from components.tags import tags

_LONGEST_CHANGE = "30m"  # waits to stop, stops, waits to have caught up, and all of it once more when it is put back
_DIALS = 60  # of 15 s at most: an instance that boots, and first mounts its volume


class Place(BaseModel):
    """Where one server stands. address: kept when the instance is replaced, so that no other server hears of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    zone: str
    subnet_id: Text
    address: str = Field(pattern=r"^\d{1,3}(\.\d{1,3}){3}$")
    host_key: str | None = None  # of SSH; None takes any


class LeafHost(BaseModel):
    """A trading host that gets a leaf node. housekeeping: its CPUs on which no role runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    address: Text
    instance_id: Text
    housekeeping: tuple[int, ...] = Field(min_length=1)
    ready: pulumi.Resource
    host_key: str | None = None


class NatsClusterArgs(BaseModel):
    """leaf_hosts: in the order in which they are changed, the standby first. bucket: where the release lies.

    private_key: None leaves it to the deployment runner's SSH agent, and no key of SSH is in the stack's state.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    region: str
    places: tuple[Place, ...]
    security_group_id: Text
    instance_type: str
    ami_id: str = Field(pattern=r"^ami-[0-9a-f]{17}$")
    key_name: Text
    profile_name: Text
    release: Release
    bucket: Text
    root_volume_gib: int = Field(20, ge=8, le=1_024)
    volume: Volume
    volume_key_arn: Text
    load: Load
    limits: Limits = Limits()
    leaf_hosts: tuple[LeafHost, ...] = Field(min_length=1)
    user: str = "ec2-user"
    private_key: Text | None = None
    protect: bool

    @model_validator(mode="after")
    def _can_be_launched_and_carry_the_load(self) -> NatsClusterArgs:
        problems = broken_rules(
            instance_type=self.instance_type,
            release_file=self.release.file,
            zones=[place.zone for place in self.places],
            addresses=[place.address for place in self.places],
            protect=self.protect,
        )
        problems += broken_release(self.release)
        problems += shortages(self.load, self.instance_type, self.volume)
        if problems:
            raise ValueError("\n".join(problems))
        return self


@dataclass(frozen=True)
class Server:
    """One member that exists. connection: by which it is changed; `changed`: the step after which it has caught up."""

    member: server_config.Member
    instance_id: pulumi.Output[str]
    connection: remote.ConnectionArgs
    changed: pulumi.Resource


@dataclass(frozen=True)
class _Machine:
    """How it is reached; steps on it are made again when a trigger changes."""

    address: Text
    host_key: str | None
    triggers: list[Text]


class NatsCluster(pulumi.ComponentResource):
    """The bus.

    urls: of the client port. leaf_urls: of the port of leaf nodes. ca_pem: whom clients trust. credentials: by user,
    `certificate` and `key` in PEM, secret. servers: in the order in which they are changed. stream_limits: JSON for
    `python -m wire.declare`, which makes the streams and buckets.
    """

    urls: tuple[str, ...]
    leaf_urls: tuple[str, ...]
    ca_pem: pulumi.Output[str]
    credentials: dict[str, Certificate]
    servers: tuple[Server, ...]
    stream_limits: str

    def __init__(self, name: str, args: NatsClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:bus:NatsCluster", name, {}, opts)
        self._name = name
        self._args = args
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self._bus = server_config.Bus(
            environment=args.environment,
            members=tuple(
                server_config.Member(name=f"nats-{number}", zone=place.zone, address=place.address)
                for number, place in enumerate(args.places, 1)
            ),
            leaf_hosts=tuple(host.name for host in args.leaf_hosts),
            instance_type=args.instance_type,
            volume=args.volume,
            limits=args.limits,
        )
        self._authorities = {
            listener: CertificateAuthority(
                f"{name}-{listener.value}-ca",
                CertificateAuthorityArgs(environment=args.environment, listener=listener),
                pulumi.ResourceOptions(parent=self),
            )
            for listener in Listener
        }
        group = ec2.PlacementGroup(
            f"{name}-group",
            strategy="spread",
            tags=tags(args.environment, name),
            opts=self._kept,
        )
        servers: list[Server] = []
        for member, place in zip(self._bus.members, args.places, strict=True):
            # the instance waits, too: two that are stopped or replaced at once would cost the quorum
            after = [servers[-1].changed] if servers else []
            servers.append(self._server(member, place, group, after, opts))
        self.servers = tuple(servers)
        self._leaf_nodes()
        self.urls = tuple(f"tls://{member.address}:{member.client_port}" for member in self._bus.members)
        self.leaf_urls = tuple(f"tls://{member.address}:{member.leaf_port}" for member in self._bus.members)
        clients = self._authorities[Listener.CLIENT]
        self.ca_pem = clients.certificate
        self.stream_limits = json.dumps(stream_limits(args.load), sort_keys=True)
        self.credentials = {
            user: clients.issue(CertificateArgs(name=user, uses=USER)) for user in server_config.client_users(self._bus)
        }
        self.register_outputs(
            {
                "urls": list(self.urls),
                "leaf_urls": list(self.leaf_urls),
                "ca_pem": self.ca_pem,
                "credentials": {
                    user: {"certificate": each.certificate, "key": each.key} for user, each in self.credentials.items()
                },
                "stream_limits": self.stream_limits,
                "instances": [server.instance_id for server in servers],
            }
        )

    def _server(
        self,
        member: server_config.Member,
        place: Place,
        group: ec2.PlacementGroup,
        after: list[pulumi.Resource],
        opts: pulumi.ResourceOptions | None,
    ) -> Server:
        args = self._args
        name = f"{self._name}-{member.name}"
        labels = tags(args.environment, self._name, Name=f"ironlane-{args.environment}-{member.name}")
        data = ebs.Volume(
            f"{name}-data",
            availability_zone=place.zone,
            type="gp3",
            size=args.volume.gib,
            iops=args.volume.iops,
            throughput=args.volume.throughput_mib,
            encrypted=True,
            kms_key_id=args.volume_key_arn,
            tags=labels,
            opts=self._kept,
        )
        options = child_options(self, opts, after)
        options.protect = args.protect
        # its address is taken until it is gone
        options.delete_before_replace = True
        # read at the first boot only, and a change would stop the server
        options.ignore_changes = ["userData"]
        instance = ec2.Instance(
            name,
            ami=args.ami_id,
            instance_type=args.instance_type,
            availability_zone=place.zone,
            subnet_id=place.subnet_id,
            private_ip=place.address,
            vpc_security_group_ids=[args.security_group_id],
            associate_public_ip_address=False,
            placement_group_id=group.placement_group_id,
            iam_instance_profile=args.profile_name,
            key_name=args.key_name,
            user_data=data.id.apply(first_boot.user_data),
            user_data_replace_on_change=False,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=args.root_volume_gib,
                encrypted=True,
                kms_key_id=args.volume_key_arn,
                delete_on_termination=True,  # what is worth keeping is on the data volume
                tags=labels,
            ),
            ebs_optimized=True,
            monitoring=True,
            disable_api_termination=args.protect,
            disable_api_stop=args.protect,
            instance_initiated_shutdown_behavior="stop",
            tags=labels,
            opts=options,
        )
        attachment = ec2.VolumeAttachment(
            f"{name}-data-attachment",
            device_name=first_boot.DEVICE,
            instance_id=instance.id,
            volume_id=data.id,
            stop_instance_before_detaching=True,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        pem: dict[str, pulumi.Output[str]] = {}
        for listener, uses in ((Listener.CLIENT, SERVER), (Listener.ROUTE, ROUTE), (Listener.LEAF, SERVER)):
            issued = self._authorities[listener].issue(
                CertificateArgs(name=member.name, addresses=(member.address,), uses=uses)
            )
            pem |= _tls_files(listener, issued)
        document = pulumi.Output.all(bucket=args.bucket, tls=pem).apply(
            lambda found: server_change.server_document(
                self._bus,
                member,
                args.release,
                self._store(found["bucket"]),
                found["tls"],
            )
        )
        # another type stops and starts the instance: the next one's turn comes when this one has caught up again
        triggers: list[Text] = [instance.id, args.instance_type]
        machine = _Machine(member.address, place.host_key, triggers)
        changed = self._change(name, machine, document, [attachment, *after])
        return Server(member, instance.id, self._connection(machine), changed)

    def _store(self, bucket: str) -> server_change.Store:
        return server_change.Store(bucket=bucket, region=self._args.region)

    def _leaf_nodes(self) -> None:
        args = self._args
        after: list[pulumi.Resource] = [server.changed for server in self.servers]
        for host in args.leaf_hosts:
            issued = self._authorities[Listener.LEAF].issue(
                CertificateArgs(name=leaf_node.leaf_user(host.name), uses=USER)
            )
            found = pulumi.Output.all(bucket=args.bucket, tls=_tls_files(Listener.LEAF, issued))
            document = found.apply(partial(self._leaf_document, host))
            # the next host's leaf waits for this one's: active and standby are never without it together
            machine = _Machine(host.address, host.host_key, [host.instance_id])
            changed = self._change(f"{self._name}-leaf-{host.name}", machine, document, [host.ready, *after])
            after = [changed]

    def _leaf_document(self, host: LeafHost, found: dict[str, Any]) -> dict[str, Any]:
        return server_change.leaf_document(
            self._args.environment,
            host.name,
            self._bus.members,
            self._args.release,
            self._store(found["bucket"]),
            found["tls"],
            host.housekeeping,
        )

    def _connection(self, machine: _Machine) -> remote.ConnectionArgs:
        key = self._args.private_key
        return remote.ConnectionArgs(
            host=machine.address,
            user=self._args.user,
            private_key=None if key is None else pulumi.Output.secret(key),
            host_key=machine.host_key,
            dial_error_limit=_DIALS,
            per_dial_timeout=15,
        )

    def _change(
        self,
        name: str,
        machine: _Machine,
        document: pulumi.Output[dict[str, Any]],
        after: list[pulumi.Resource],
    ) -> pulumi.Resource:
        """The steps that bring one machine to `document`."""
        connection = self._connection(machine)
        program = remote.Command(
            f"{name}-program",
            connection=connection,
            create=server_change.install_command(),
            stdin=server_change.program_text(),
            triggers=machine.triggers,
            # the machine's SSH server takes no variables
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        text: pulumi.Output[str] = pulumi.Output.secret(document.apply(server_change.as_text))
        # a digest of random keys tells nothing of them, and has to be seen in a preview
        digest = pulumi.Output.unsecret(document.apply(server_change.digest))
        return remote.Command(
            f"{name}-change",
            connection=connection,
            create=digest.apply(server_change.apply_command),
            stdin=text,
            triggers=machine.triggers,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[program, *after],
                custom_timeouts=pulumi.CustomTimeouts(create=_LONGEST_CHANGE, update=_LONGEST_CHANGE),
            ),
        )


def _tls_files(listener: Listener, issued: Certificate) -> dict[str, pulumi.Output[str]]:
    files = server_change.tls_file_names(listener.value)
    return dict(zip(files, (issued.ca, issued.certificate, issued.key), strict=True))
