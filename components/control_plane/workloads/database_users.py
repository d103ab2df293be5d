"""Makes the database users of the programs that exist."""

from __future__ import annotations

from components.control_plane.pod_flows import Program
from components.control_plane.pod_identity import Statement
from components.control_plane.pod_spec import CONFIG_FOLDER
from components.control_plane.workload import WorkloadArgs
from components.control_plane.workloads import oms
from components.control_plane.workloads.context import DATABASE_CA, WorkloadContext
from components.control_plane.workloads.preparation import preparation

USERS = (oms.USER,)


def database_users(context: WorkloadContext) -> WorkloadArgs:
    program = Program.DATABASE_USERS
    server = {
        "host": context.database_address,
        "port": 5432,
        "name": context.database_name,
        "ca_file": f"{CONFIG_FOLDER}/{DATABASE_CA}",
    }
    config = {
        **context.configuration(
            program, region=context.region, secret_arn=context.database_secret_arn, server=server, users=list(USERS)
        ),
        DATABASE_CA: context.database_ca_pem,
    }
    return preparation(
        context,
        program,
        config,
        aws=(
            Statement(actions=("secretsmanager:GetSecretValue",), resources=(context.database_secret_arn,)),
            Statement(actions=("kms:Decrypt",), resources=(context.database_key_arn,)),
        ),
    )
