"""The platform's Valkey: ElastiCache over zones, encrypted at rest and on the wire, a user of its own per program."""

from __future__ import annotations

import pulumi
from pulumi_aws import elasticache
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.inputs import Text
from components.options import child_options
from components.tags import tags


class CacheSettings(BaseModel):
    """nodes: one primary and its replicas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine_version: str = Field(pattern=r"^\d+\.\d+$")
    node_type: str = Field(pattern=r"^cache\.[a-z0-9-]+\.[a-z0-9]+$")
    nodes: int = Field(ge=1, le=6)


class CacheUser(BaseModel):
    """Logs in with an IAM token; may touch the keys below `<name>:` only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")


class CacheArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    settings: CacheSettings
    users: tuple[CacheUser, ...] = Field(min_length=1)
    subnet_ids: tuple[Text, ...] = Field(min_length=2)
    security_group_id: Text
    kms_key_arn: Text
    protect: bool

    @model_validator(mode="after")
    def _survives_a_zone(self) -> CacheArgs:
        if self.environment == "prod" and self.settings.nodes < 2:
            raise ValueError("nodes: must be 2 or more in prod; one node has nothing to fail over to")
        return self


class Cache(pulumi.ComponentResource):
    """`address` of the primary node, at whichever zone it is."""

    address: pulumi.Output[str]
    arn: pulumi.Output[str]
    user_arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:Cache", name, {}, opts)
        settings = args.settings
        own = tags(args.environment, name)
        subnets = elasticache.SubnetGroup(
            name, subnet_ids=list(args.subnet_ids), tags=own, opts=child_options(self, opts)
        )
        users = {
            user.name: elasticache.User(
                f"{name}-{user.name}",
                # with IAM both must be the same
                user_id=f"ironlane-{args.environment}-{user.name}",
                user_name=f"ironlane-{args.environment}-{user.name}",
                engine="valkey",
                access_string=f"on ~{user.name}:* &{user.name}:* -@all +@read +@write +@connection +@pubsub"
                " +@transaction -@dangerous",
                authentication_mode=elasticache.UserAuthenticationModeArgs(type="iam"),
                tags=own,
                opts=child_options(self, opts),
            )
            for user in args.users
        }
        group = elasticache.UserGroup(
            name,
            engine="valkey",
            user_group_id=f"ironlane-{args.environment}",
            user_ids=[user.user_id for user in users.values()],
            tags=own,
            opts=child_options(self, opts),
        )
        options = child_options(self, opts)
        options.protect = args.protect
        several = settings.nodes > 1
        cache = elasticache.ReplicationGroup(
            name,
            description=f"ironlane {args.environment}",
            engine="valkey",
            engine_version=settings.engine_version,
            auto_minor_version_upgrade=False,
            node_type=settings.node_type,
            num_cache_clusters=settings.nodes,
            automatic_failover_enabled=several,
            multi_az_enabled=several,
            port=6379,
            subnet_group_name=subnets.name,
            security_group_ids=[args.security_group_id],
            at_rest_encryption_enabled=True,
            kms_key_id=args.kms_key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[group.user_group_id],
            snapshot_retention_limit=7 if several else 0,
            snapshot_window="02:00-03:00",
            maintenance_window="sun:03:30-sun:04:30",
            apply_immediately=False,
            tags=own,
            opts=options,
        )
        self.address = cache.primary_endpoint_address
        self.arn = cache.arn
        self.user_arns = {user: made.arn for user, made in users.items()}
        self.register_outputs({"address": self.address})

    def login_arns(self, user: str) -> tuple[pulumi.Output[str], ...]:
        """What a role needs `elasticache:Connect` on to log in as that user with an IAM token."""
        return (self.arn, self.user_arns[user])
