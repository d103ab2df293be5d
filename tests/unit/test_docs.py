"""The documentation speaks of what is there: tests, files, links, refusal reasons and the strategy example."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest

from hotpath.config import Instrument
from hotpath.ipc.layouts import BookEvent, BookEventKind, IntentKind, decode_intent, encode_book_event
from hotpath.router.risk_gate import REFUSALS
from hotpath.strategy.python_base import PythonDesk, PythonStrategy

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = "cli|components|controlplane|docs|hotpath|rehearsal|stacks|strategies|tests|wire"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in _anchors(found), f"{page.name}: {target}#{anchor}"
    for path in re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text):
        assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_every_test_that_safety_names_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (ROOT / "docs" / "safety.md").read_text())
    assert len(named) > 20
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text())
        tests = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        assert name in tests, f"{file}::{name}"


def test_the_refusal_table_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.+) \|$", (ROOT / "docs" / "safety.md").read_text(), re.MULTILINE)
    assert rows == [(str(refusal.code), refusal.name, refusal.text) for refusal in REFUSALS]


def test_the_strategies_of_the_page_are_those_in_the_engine() -> None:
    page = (ROOT / "docs" / "strategies.md").read_text()
    for language, file in (("cython", "join_bid.pyx"), ("python", "join_bid_py.py")):
        (text,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        assert text == (ROOT / "strategies" / file).read_text(), file


def test_the_python_example_trades() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "strategies.md").read_text(), re.DOTALL)
    names: dict[str, type[PythonStrategy]] = {}
    exec(source, names)
    kind = names["PythonJoinBid"]
    desk = PythonDesk(msgspec.convert({"size": 300}, kind.Parameters), Instrument(symbol="IRON"), 1, kind)
    desk.open_entry(1)
    event = BookEvent(
        kind=BookEventKind.BOOK_UPDATE, trading_state="T", locate=1, bid_price=999_900, ask_price=1_000_100
    )
    desk.feed_book(encode_book_event(event), 1)
    (intent,) = [decode_intent(data) for data in desk.take_intents()]
    assert (intent.kind, intent.side, intent.price, intent.quantity) == (IntentKind.INTENT_NEW, "B", 999_900, 300)
    assert desk.failure is None
