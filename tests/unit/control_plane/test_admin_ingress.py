"""The way in for people: TLS is passed through, so nothing before the program can say who somebody is."""

from __future__ import annotations

from components.control_plane.admin_ingress import AdminIngress, AdminIngressArgs
from components.network.flows import Party, VenuePorts, allowed_flows
from tests.recorder import deploy


def test_tls_is_not_ended_before_the_program_and_the_clients_address_is_kept() -> None:
    args = AdminIngressArgs(
        environment="prod",
        vpc_id="vpc-1",
        subnet_ids=("subnet-a", "subnet-b", "subnet-c"),
        security_group_id="sg-ingress",
        group_name="eks-system",
        protect=True,
    )
    recording = deploy(lambda: AdminIngress("admin-ingress", args) and None)
    (balancer,) = recording.of_type("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["loadBalancerType"] == "network"
    assert balancer.inputs["securityGroups"] == ["sg-ingress"]
    assert balancer.inputs["enableDeletionProtection"] is True
    (listener,) = recording.of_type("aws:lb/listener:Listener")
    assert (listener.inputs["port"], listener.inputs["protocol"]) == (443, "TCP")
    assert not {"certificateArn", "mutualAuthentication", "sslPolicy"} & set(listener.inputs)
    (targets,) = recording.of_type("aws:lb/targetGroup:TargetGroup")
    assert (targets.inputs["protocol"], targets.inputs["preserveClientIp"]) == ("TCP", "true")
    table = allowed_flows(VenuePorts(order_entry=1, snapshot=2, rerequest=3, lines=(4, 5)))
    opened = [flow.first_port for flow in table if flow.source is Party.ADMIN_INGRESS]
    assert opened == [targets.inputs["port"]]
    (attachment,) = recording.of_type("aws:autoscaling/attachment:Attachment")
    assert attachment.inputs["autoscalingGroupName"] == "eks-system"
