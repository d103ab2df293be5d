"""The recorder itself: each thing that Pulumi's own mocks let pass, and that the recorder must not."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pulumi_tls as tls
import pytest
from pulumi_aws import ec2, s3
from pulumi_command import local

from tests.recorder import UNKNOWN, UnknownError, deploy

Options = pulumi.ResourceOptions


class Box(pulumi.ComponentResource):
    """A component with one child, made with whatever options the test wants."""

    def __init__(self, name: str, opts: Options | None = None, child: Any = None, outputs: bool = True) -> None:
        super().__init__("test:index:Box", name, {}, opts)
        made = Options(parent=self) if child is None else child(self, opts)
        self.command = local.Command(f"{name}-child", create="true", opts=made)
        if outputs:
            self.register_outputs({})


def test_sees_options_as_well_as_inputs() -> None:
    def program() -> None:
        first = local.Command("first", create="true")
        box = Box("box", Options(protect=True))
        local.Command(
            "second",
            create="false",
            environment={"TOKEN": pulumi.Output.secret("t"), "OF": first.stdout},
            opts=Options(
                parent=box,
                protect=True,
                depends_on=[first],
                aliases=[pulumi.Alias(name="older")],
                ignore_changes=["create"],
                replace_on_changes=["dir"],
                delete_before_replace=True,
                retain_on_delete=True,
                additional_secret_outputs=["stdout"],
                custom_timeouts=pulumi.CustomTimeouts(create="5m"),
            ),
        )

    recording = deploy(program)
    second, first, box = (recording.named(name) for name in ("second", "first", "box"))
    assert second.inputs["create"] == "false"
    assert second.inputs["environment"] == {"TOKEN": "t", "OF": ""}
    assert second.secret == {"environment.TOKEN"}
    assert second.protect
    assert recording.named("box-child").protect  # the SDK hands protect on
    assert (second.parent, second.aliases) == (box.urn, ("name=older",))
    assert (second.ignore_changes, second.replace_on_changes) == (("create",), ("dir", "triggers[*]"))
    assert second.delete_before_replace
    assert second.retain_on_delete
    assert second.secret_outputs == ("stdout",)
    assert second.timeouts == {"create": "5m"}
    assert second.property_depends_on["environment"] == {first.urn}
    assert recording.waits_for(second, first)
    assert not recording.waits_for(first, second)
    assert {each.name for each in recording.descendants(box)} == {"box-child", "second"}


def test_sees_hooks() -> None:
    def program() -> None:
        hook = pulumi.ResourceHook("gate", lambda args: None)
        local.Command("only", create="true", opts=Options(hooks=pulumi.ResourceHookBinding(before_update=[hook])))

    only = deploy(program).named("only")
    assert (only.hooks, only.hook_names) == (("before_update",), {"before_update": ("gate",)})


def test_sees_which_provider_is_handed_on() -> None:
    def program() -> None:
        provider = aws.Provider("mine", region="us-east-1")
        box = Box("box", Options(providers={"aws": provider}))
        ec2.PlacementGroup("group", strategy="cluster", opts=Options(parent=box))

    recording = deploy(program)
    assert "::mine::" in recording.named("group").provider
    assert "::mine::" in recording.named("box").providers["aws"]


def test_exports_tell_whether_they_are_secret() -> None:
    def program() -> None:
        made = local.Command("made", create="true")
        pulumi.export("plain", made.stdout)
        pulumi.export("hidden", pulumi.Output.secret("s"))

    exports = deploy(program).exports
    assert (exports["plain"].secret, exports["hidden"].secret) == (False, True)


def test_a_preview_does_not_know_what_the_provider_computes() -> None:
    def program() -> None:
        bucket = s3.Bucket("bucket")
        s3.BucketVersioning("versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"})

    preview = deploy(program, preview=True).named("versioning")
    assert preview.inputs["bucket"] is UNKNOWN
    assert preview.unknown == {"bucket"}
    made = deploy(program)
    assert made.named("versioning").inputs["bucket"] == "bucket"
    assert made.preview is not None
    assert made.preview.named("versioning").unknown == {"bucket"}


@pytest.mark.parametrize("look", [bool, lambda value: value == "public", lambda value: value != "public"])
def test_an_unknown_value_cannot_make_a_test_pass(look: Any) -> None:
    with pytest.raises(UnknownError, match="unknown in a preview"):
        look(UNKNOWN)


def test_a_resource_made_inside_apply_is_missing_from_the_preview() -> None:
    def program() -> None:
        first = local.Command("first", create="true")
        first.stdout.apply(lambda _: local.Command("late", create="true"))

    with pytest.raises(AssertionError, match=r"::late: an update registers it, a preview does not"):
        deploy(program)


def test_duplicate_urn_is_an_error() -> None:
    def program() -> None:
        local.Command("same", create="true")
        local.Command("same", create="true")

    with pytest.raises(AssertionError, match="duplicate URNs"):
        deploy(program)


def test_a_program_that_registers_nothing_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no resource"):
        deploy(lambda: None)


def test_an_error_in_the_program_is_raised() -> None:
    def program() -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        deploy(program)


@pytest.mark.parametrize("preview", [True, False])
def test_an_error_in_an_apply_that_nobody_waits_for_is_raised(preview: bool) -> None:
    def program() -> None:
        local.Command("first", create="true").create.apply(lambda text: 1 / (len(text) - 4))

    with pytest.raises(ZeroDivisionError):
        deploy(program, preview=preview)


def test_an_output_that_nothing_answers_is_an_error() -> None:
    def program() -> None:
        vpc = ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
        ec2.RouteTableAssociation("association", route_table_id=vpc.main_route_table_id, subnet_id="subnet-1")

    with pytest.raises(AssertionError, match="main_route_table_id is read and nothing answers it"):
        deploy(program)


def test_an_output_in_an_f_string_is_an_error() -> None:
    def program() -> None:
        bucket = s3.Bucket("bucket")
        local.Command("show", create=f"echo {bucket.id}")

    with pytest.raises(Exception, match="Calling __str__ on an Output"):
        deploy(program)


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (lambda output: output == "", "always false"),
        (lambda output: output != "", "always false"),
        (lambda output: 1 if output else 2, "always true"),
    ],
)
def test_an_output_taken_for_its_value_is_an_error(look: Any, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        deploy(lambda: look(local.Command("first", create="true").stdout) and None)


@pytest.mark.parametrize(
    ("child", "told"),
    [
        (lambda box, opts: opts, "box-child is made by component box but is not below it"),
        (lambda box, opts: Options.merge(Options(parent=box), opts), "is not below it"),
        (
            lambda box, opts: Options.merge(opts, Options(parent=box)),
            "has aliases, ignore_changes of its component box",
        ),
    ],
)
def test_a_child_with_the_options_of_its_component_is_an_error(child: Any, told: str) -> None:
    def program() -> None:
        top = Box("top")
        Box("box", Options(parent=top, aliases=[pulumi.Alias(name="older")], ignore_changes=["create"]), child)

    with pytest.raises(AssertionError, match=told):
        deploy(program)


def test_an_order_that_a_component_drops_is_an_error() -> None:
    def program(child: Any) -> None:
        first = local.Command("first", create="true")
        Box("box", Options(depends_on=[first]), child)

    with pytest.raises(AssertionError, match="depends on first, but nothing in it does"):
        deploy(lambda: program(None))
    deploy(lambda: program(lambda box, opts: Options(parent=box, depends_on=opts.depends_on)))


@pytest.mark.parametrize(
    "leak",
    [
        lambda key: local.Command("leak", create=pulumi.Output.unsecret(key.private_key_pem)),
        lambda key: pulumi.export("leak", pulumi.Output.unsecret(key.private_key_pem).apply(lambda pem: {"key": pem})),
        lambda key: Box("box").register_outputs({"leak": pulumi.Output.unsecret(key.private_key_pem)}),
    ],
)
def test_a_secret_in_the_open_is_an_error(leak: Any) -> None:
    with pytest.raises(AssertionError, match=r"leak.*: holds a secret in the open"):
        deploy(lambda: leak(tls.PrivateKey("key", algorithm="ED25519")) and None)


def test_a_secret_that_stays_secret_is_none() -> None:
    def program() -> None:
        key = tls.PrivateKey("key", algorithm="ED25519")
        local.Command("kept", create="true", environment={"KEY": key.private_key_pem})
        pulumi.export("kept", key.private_key_pem)

    recording = deploy(program)
    assert recording.named("kept").secret == {"environment.KEY"}
    assert recording.exports["kept"].secret


def test_a_component_without_outputs_is_an_error() -> None:
    with pytest.raises(AssertionError, match="register_outputs is never called"):
        deploy(lambda: Box("box", outputs=False) and None)


def test_a_question_to_the_provider_is_an_error() -> None:
    with pytest.raises(AssertionError, match="pin the value in the settings"):
        deploy(lambda: aws.get_caller_identity_output() and None)


def test_a_resource_read_from_the_account_is_an_error() -> None:
    with pytest.raises(AssertionError, match="name it in the settings instead"):
        deploy(lambda: ec2.Vpc.get("found", "vpc-0123456789abcdef0") and None)


def test_a_component_of_a_provider_is_an_error() -> None:
    """Its children exist in a real engine only: a test would see one opaque resource."""

    def program() -> None:
        kubernetes.helm.v4.Chart("chart", chart="stack", version="1.0.0")

    with pytest.raises(AssertionError, match="its children exist only in a real engine"):
        deploy(program)


def test_work_left_behind_does_not_reach_the_next_test() -> None:
    async def later() -> None:
        await asyncio.sleep(3600)

    def program() -> None:
        local.Command("first", create="true")
        program.task = asyncio.ensure_future(later())  # type: ignore[attr-defined]

    with pytest.raises(AssertionError, match="left running when the program ended"):
        deploy(program)
    assert program.task.cancelled()  # type: ignore[attr-defined]


def test_the_shell_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    seen: dict[str, str] = {}

    def program() -> None:
        seen.update(os.environ)
        aws.Provider("aws")

    assert "region" not in deploy(program).named("aws").inputs
    assert "AWS_PROFILE" not in seen
    assert os.environ["AWS_PROFILE"] == "mine"


def test_configuration_and_settings_end_with_the_run() -> None:
    def program() -> None:
        pulumi.runtime.set_config("ironlane:left", "behind")
        local.Command("first", create="true")

    def reader() -> None:
        local.Command("first", create=pulumi.Config().get("left") or "nothing", opts=None)

    deploy(program, stack="one")
    assert pulumi.runtime.get_config("ironlane:left") is None
    assert deploy(reader, stack="two").named("first").inputs["create"] == "nothing"
    assert deploy(program, stack="one").named("first").urn == "urn:pulumi:one::ironlane::command:local:Command::first"


def test_a_resource_made_outside_of_a_recording_is_an_error() -> None:
    """Pulumi would let it pass, and no assertion on it could ever run."""
    with pytest.raises(AssertionError, match=r"deploy\(program\)"):
        local.Command("nowhere", create="true")
