"""What must hold for every recording, whatever the test is about."""

from __future__ import annotations

from collections import Counter

from tests.recorder.recording import Recording


def structure(recording: Recording) -> list[str]:
    """Problems of components: outputs never registered, an order that was asked for and dropped."""
    problems = []
    for component in recording.resources:
        if component.custom:
            continue
        if component.urn not in recording.outputs:
            problems.append(f"{component.urn}: register_outputs is never called")
        below = [each for each in recording.descendants(component) if each.custom]
        for earlier in (each for each in recording.resources if each.urn in component.depends_on):
            if below and earlier.custom and not any(recording.waits_for(each, earlier) for each in below):
                problems.append(
                    f"{component.urn}: depends on {earlier.name}, but nothing in it does: the engine does not hand"
                    " depends_on on to children, child_options(self, opts) does"
                )
    return problems


def same_resources(preview: Recording, update: Recording) -> list[str]:
    """What is made inside of apply is missing from a preview."""
    planned, made = (Counter(each.urn for each in run.resources) for run in (preview, update))
    only_made, only_planned = sorted((made - planned).elements()), sorted((planned - made).elements())
    return [
        *(f"{urn}: an update registers it, a preview does not: it is made inside of apply" for urn in only_made),
        *(f"{urn}: a preview registers it, an update does not" for urn in only_planned),
    ]
