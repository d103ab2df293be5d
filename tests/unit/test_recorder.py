"""The recorder itself: what it must catch that Pulumi's mocks let pass."""

from __future__ import annotations

import pulumi
import pytest
from pulumi_command import local

from tests.recorder import deploy


def test_sees_options_as_well_as_inputs() -> None:
    def program() -> None:
        first = local.Command("first", create="true")
        local.Command("second", create="false", opts=pulumi.ResourceOptions(protect=True, depends_on=[first]))

    recording = deploy(program)
    second = recording.named("second")
    assert second.inputs["create"] == "false"
    assert second.protect
    assert recording.waits_for(second, recording.named("first"))
    assert not recording.waits_for(recording.named("first"), second)


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
