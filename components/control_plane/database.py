"""The platform's Postgres: RDS in two zones, encrypted with our key, reached by TLS and short-lived IAM tokens."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudwatch, rds
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.inputs import Text
from components.options import child_options
from components.tags import tags

NAME = "ironlane"
ADMINISTRATOR = "ironlane_admin"
_LOGS = ("postgresql", "upgrade")


class DatabaseSettings(BaseModel):
    """engine_version is pinned to the minor one; storage grows by itself up to maximum_gib and never shrinks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine_version: str = Field(pattern=r"^\d\d\.\d+$")
    instance_class: str = Field(pattern=r"^db\.[a-z0-9-]+\.[a-z0-9]+$")
    storage_gib: int = Field(100, ge=20, le=65_536)
    maximum_gib: int = Field(1_000, ge=20, le=65_536)
    multi_az: bool = True
    backup_days: int = Field(35, ge=1, le=35)

    @model_validator(mode="after")
    def _grows(self) -> DatabaseSettings:
        # AWS refuses autoscaling with less head room than this
        if self.maximum_gib * 10 < self.storage_gib * 11:
            raise ValueError(f"maximum_gib {self.maximum_gib}: must be 10 % above storage_gib {self.storage_gib}")
        return self


class DatabaseArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    region: str
    account_id: str
    settings: DatabaseSettings
    subnet_ids: tuple[Text, ...] = Field(min_length=2)
    security_group_id: Text
    kms_key_arn: Text
    logs_key_arn: Text
    protect: bool

    @model_validator(mode="after")
    def _survives_a_zone(self) -> DatabaseArgs:
        if self.environment == "prod" and not self.settings.multi_az:
            raise ValueError("multi_az: must be true in prod; orders and fills outlive a zone")
        return self


class Database(pulumi.ComponentResource):
    """`address` and `port`; `secret_arn` of the administrator's password, which RDS makes and rotates by itself."""

    address: pulumi.Output[str]
    port: pulumi.Output[int]
    secret_arn: pulumi.Output[str]
    instance: rds.Instance

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:Database", name, {}, opts)
        self._args = args
        settings = args.settings
        own = tags(args.environment, name)
        identifier = f"ironlane-{args.environment}"
        subnets = rds.SubnetGroup(name, subnet_ids=list(args.subnet_ids), tags=own, opts=child_options(self, opts))
        parameters = rds.ParameterGroup(
            name,
            family=f"postgres{settings.engine_version.split('.')[0]}",
            description=f"ironlane {args.environment}",
            parameters=[
                rds.ParameterGroupParameterArgs(name=key, value=value, apply_method="immediate")
                for key, value in (
                    ("rds.force_ssl", "1"),
                    ("password_encryption", "scram-sha-256"),
                    ("log_min_duration_statement", "1000"),
                    ("log_connections", "1"),
                )
            ],
            tags=own,
            opts=child_options(self, opts),
        )
        # before the database, or RDS makes the groups itself: unencrypted, kept for ever
        logs = [
            cloudwatch.LogGroup(
                f"{name}-{each}",
                name=f"/aws/rds/instance/{identifier}/{each}",
                kms_key_id=args.logs_key_arn,
                retention_in_days=365,
                tags=own,
                opts=child_options(self, opts),
            )
            for each in _LOGS
        ]
        options = child_options(self, opts, logs)
        options.protect = args.protect
        self.instance = rds.Instance(
            name,
            identifier=identifier,
            engine="postgres",
            engine_version=settings.engine_version,
            auto_minor_version_upgrade=False,
            allow_major_version_upgrade=False,
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            instance_class=settings.instance_class,
            allocated_storage=settings.storage_gib,
            max_allocated_storage=settings.maximum_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.kms_key_arn,
            db_name=NAME,
            username=ADMINISTRATOR,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.kms_key_arn,
            iam_database_authentication_enabled=True,
            multi_az=settings.multi_az,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[args.security_group_id],
            publicly_accessible=False,
            parameter_group_name=parameters.name,
            ca_cert_identifier="rds-ca-ecc384-g1",
            backup_retention_period=settings.backup_days,
            backup_window="02:00-03:00",
            maintenance_window="sun:03:30-sun:04:30",
            copy_tags_to_snapshot=True,
            delete_automated_backups=not args.protect,
            deletion_protection=args.protect,
            skip_final_snapshot=args.environment != "prod",
            final_snapshot_identifier=f"{identifier}-final" if args.environment == "prod" else None,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.kms_key_arn,
            performance_insights_retention_period=7,
            enabled_cloudwatch_logs_exports=list(_LOGS),
            apply_immediately=False,
            tags=own,
            opts=options,
        )
        self.address = self.instance.address
        self.port = self.instance.port
        self.secret_arn = self.instance.master_user_secrets.apply(lambda found: found[0].secret_arn or "")
        self.register_outputs({"address": self.address, "secret_arn": self.secret_arn})

    def login_arn(self, user: str) -> pulumi.Output[str]:
        """What a role needs `rds-db:connect` on to log in as that database user with an IAM token."""
        args = self._args
        return pulumi.Output.concat(
            f"arn:aws:rds-db:{args.region}:{args.account_id}:dbuser:", self.instance.resource_id, f"/{user}"
        )
