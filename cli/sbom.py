"""Software bill of materials of the engine bundle, in CycloneDX 1.6 JSON. The same contents give the same text."""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# the engine is built as of one fixed date, and so is its bill
_TIME = datetime(2020, 1, 1, tzinfo=UTC)
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "ironlane-engine")
_LONGEST_LICENCE = 100  # characters; more is the licence's text, not its name


def digests(content: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content[name]).hexdigest() for name in sorted(content)}


def render(name: str, version: str, wheels: Sequence[Path], content: Mapping[str, bytes]) -> str:
    """name, version: of the whole. wheels: a component each, with what needs what. content: members by name; those
    that are no wheel are listed as files."""
    identity = hashlib.sha256(repr(digests(content)).encode()).hexdigest()
    whole = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=f"{name}@{version}")
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, identity), metadata=BomMetaData(timestamp=_TIME, component=whole))
    packages = {}
    for wheel in wheels:
        metadata = _metadata(wheel)
        packages[canonicalize_name(str(metadata["Name"]))] = (metadata, _package(metadata, wheel.read_bytes()))
    for _, component in packages.values():
        bom.components.add(component)
    for member, sha256 in digests(content).items():
        if not member.startswith("wheels/"):
            bom.components.add(
                Component(name=member, type=ComponentType.FILE, bom_ref=f"file:{member}", hashes=[_sha256(sha256)])
            )
    for metadata, component in packages.values():
        needed = {canonicalize_name(each) for each in _needed(metadata)}
        bom.register_dependency(component, [packages[each][1] for each in sorted(needed & set(packages))])
    bom.register_dependency(whole, list(bom.components))
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (file,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return BytesParser().parsebytes(archive.read(file))


def _package(metadata: Message, wheel: bytes) -> Component:
    name, version = canonicalize_name(str(metadata["Name"])), str(metadata["Version"])
    licence = metadata["License-Expression"] or metadata["License"]
    known = licence is not None and len(str(licence)) <= _LONGEST_LICENCE
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}@{version}",
        purl=PackageURL("pypi", None, name, version),
        description=str(metadata["Summary"] or "") or None,
        hashes=[_sha256(hashlib.sha256(wheel).hexdigest())],
        licenses=[LicenseFactory().make_from_string(str(licence))] if known else None,
    )


def _needed(metadata: Message) -> list[str]:
    """Names that the package requires without an extra."""
    requirements = [Requirement(str(each)) for each in metadata.get_all("Requires-Dist") or []]
    return [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]


def _sha256(value: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=value)
