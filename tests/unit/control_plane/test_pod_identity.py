"""AWS rights of a pod: a role that only its service account is given."""

from __future__ import annotations

import json

from components.control_plane.pod_identity import PodIdentity, PodIdentityArgs, Statement
from tests.recorder import deploy


def test_the_role_is_for_one_service_account_and_is_ready_when_it_is_associated() -> None:
    statement = Statement(actions=("rds-db:connect",), resources=("arn:aws:rds-db:::dbuser:db/oms",))
    recording = deploy(
        lambda: (
            PodIdentity(
                "oms",
                PodIdentityArgs(
                    environment="prod",
                    cluster_name="ironlane-prod",
                    namespace="trading",
                    service_account="oms",
                    statements=(statement,),
                ),
            )
            and None
        )
    )
    (role,) = recording.of_type("aws:iam/role:Role")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:RequestTag/kubernetes-namespace": "trading",
        "aws:RequestTag/kubernetes-service-account": "oms",
    }
    (policy,) = recording.of_type("aws:iam/rolePolicy:RolePolicy")
    (allowed,) = json.loads(policy.inputs["policy"])["Statement"]
    assert (allowed["Action"], allowed["Resource"]) == (["rds-db:connect"], ["arn:aws:rds-db:::dbuser:db/oms"])
    (association,) = recording.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert recording.waits_for(association, policy)
