"""What must hold for every recording, whatever the test is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from tests.recorder.properties import texts
from tests.recorder.recording import Recording
from tests.support.property_paths import below

_TELLING = 8  # a shorter secret is found in texts by accident


def structure(recording: Recording) -> list[str]:
    """Problems of components: outputs never registered, an order that was asked for and dropped."""
    problems = []
    for component in recording.resources:
        if component.custom:
            continue
        if component.urn not in recording.outputs:
            problems.append(f"{component.urn}: register_outputs is never called")
        below = [each for each in recording.descendants(component) if each.custom]
        problems += [
            f"{component.urn}: depends on {earlier.name}, but nothing in it does: the engine does not hand depends_on"
            " on to children, child_options(self, opts) does"
            for earlier in recording.resources
            if earlier.urn in component.depends_on
            and earlier.custom
            and below
            and not any(recording.waits_for(each, earlier) for each in below)
        ]
    return problems


def same_resources(preview: Recording, update: Recording) -> list[str]:
    """What is made inside of apply is missing from a preview."""
    planned, made = (Counter(each.urn for each in run.resources) for run in (preview, update))
    only_made, only_planned = sorted((made - planned).elements()), sorted((planned - made).elements())
    return [
        *(f"{urn}: an update registers it, a preview does not: it is made inside of apply" for urn in only_made),
        *(f"{urn}: a preview registers it, an update does not" for urn in only_planned),
    ]


def leaks(recording: Recording, hidden: Iterable[str]) -> list[str]:
    """Secret texts that also stand where the engine keeps them in the open."""
    telling = [text for text in hidden if len(text) >= _TELLING]
    return [
        f"{where}: holds a secret in the open"
        for where, text in _open_texts(recording)
        if any(secret in text for secret in telling)
    ]


def _open_texts(recording: Recording) -> Iterator[tuple[str, str]]:
    for each in recording.resources:
        yield from ((f"{each.urn}: {at}", text) for at, text in texts(each.inputs) if not below(at, each.secret))
    for urn, outputs in recording.outputs.items():
        secret = recording.secret_outputs[urn]
        yield from ((f"{urn}: output {at}", text) for at, text in texts(outputs) if not below(at, secret))
    for name, export in recording.exports.items():
        if not export.secret:
            yield from ((f"stack output {name} {at}", text) for at, text in texts(export.value))
