"""How Pulumi reaches the cluster: the AWS command line gives a token for each call, nothing long-lived is kept."""

from __future__ import annotations

import json

import pulumi
import pulumi_kubernetes
from pydantic import BaseModel, ConfigDict

from components.inputs import Text


class ClusterAccess(BaseModel):
    """endpoint: URL of the API. ca_data: its authority, base64."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    region: str
    name: Text
    endpoint: Text
    ca_data: Text


def kubeconfig(region: str, name: str, endpoint: str, ca_data: str) -> str:
    """The document, JSON."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": endpoint, "certificate-authority-data": ca_data}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
        "users": [
            {
                "name": name,
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "aws",
                        "args": ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"],
                        "interactiveMode": "Never",
                    }
                },
            }
        ],
    }
    return json.dumps(document)


def kubernetes_provider(
    name: str, access: ClusterAccess, opts: pulumi.ResourceOptions | None = None
) -> pulumi_kubernetes.Provider:
    """One for everything on the cluster. A field that another program set by hand is a conflict, not overwritten."""
    document = pulumi.Output.all(access.name, access.endpoint, access.ca_data).apply(
        lambda found: kubeconfig(access.region, *found)
    )
    return pulumi_kubernetes.Provider(name, kubeconfig=document, enable_server_side_apply=True, opts=opts)
