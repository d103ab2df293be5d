"""The Pulumi program: reads the stack's settings and hands them to the stack's program."""

import pulumi

from cli.paths import repository_layout
from stacks.stack_file import received

raw, source = received(pulumi.get_stack())
if raw.get("environment") == "local":
    from stacks import local
    from stacks.settings import parse as local_settings

    local.program(local_settings(raw, source), repository_layout())
else:
    # the cloud's SDKs are large and not everybody's
    from stacks import cloud
    from stacks.cloud_settings import parse as cloud_settings

    cloud.program(cloud_settings(raw, source), repository_layout().artifacts)
