"""Resource options of a component's children."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi


def child_options(
    parent: pulumi.ComponentResource, opts: pulumi.ResourceOptions | None, after: Sequence[pulumi.Resource] = ()
) -> pulumi.ResourceOptions:
    """parent, plus what the component itself was told to wait for: the engine does not hand that on to children."""
    inherited = opts.depends_on if opts is not None and isinstance(opts.depends_on, list) else []
    return pulumi.ResourceOptions(parent=parent, depends_on=[*inherited, *after])
