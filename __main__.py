"""The Pulumi program: reads the stack's settings and hands them to the stack's program."""

import pulumi

from cli.paths import repository_layout
from stacks import local
from stacks.settings import from_pulumi_config

settings = from_pulumi_config(pulumi.get_stack())
local.program(settings, repository_layout())
