"""Proof over the generated C: the engine's nogil functions use no Python object and never take the GIL.

The C is that which the release build compiled. Every function that Cython calls `noexcept nogil` is looked up in it,
and its body must not name anything of Python's C API, nor an allocator.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src"
BUILD = PROJECT.parent / ".ironlane" / "build" / "hotpath-release"

# module → functions that must be among those found
MODULES = {
    "book.order_book": {
        "add",
        "execute",
        "cancel",
        "delete",
        "replace",
        "rest",
        "take_off",
        "find_own",
        "level_left",
    },
    "book.price_levels": {"find_level", "next_level", "claim_other_level", "drop_best", "drop_block", "tree_insert"},
    "book.matching_engine": {
        "submit",
        "cancel",
        "reduce",
        "replace",
        "mass_cancel",
        "resume",
        "match",
        "emit",
        "enter",
    },
    "feed.book_builder": {"apply", "take_message", "take_execution", "take_priced_execution", "changed_state"},
    "feed.market_builder": {
        "take_one",
        "take_frames",
        "take_frames_near",
        "take_frames_ahead",
        "take_market_message",
        "take_message",
        "take_execution",
        "levels_at",
        "list_stock",
        "void_instrument",
        "ahead_seen",
        "ahead_index",
        "ahead_order",
        "ahead_leaf",
        "ahead_queue",
        "ahead_tail",
    },
    "protocols.itch_rows": {"fill_rows", "fill_row", "itch_decode", "itch_decode_price_discovery"},
    "protocols.itch": {"itch_check", "itch_decode_add_order", "itch_decode_order_delete", "itch_encode_add_order"},
    "protocols.ouch": {"ouch_encode_in_enter_order", "ouch_encode_in_replace_order", "ouch_decode_out_order_executed"},
    "ipc.ring": {"claim", "publish", "poll", "release", "heartbeat"},
    "composite.loop": {"step", "wait", "run_until"},
    "router.risk_gate": {"check_new", "check_replace", "check_cancel", "_take_message", "_check_limits"},
}

BAD = """
from libc.stdlib cimport free, malloc

cdef class Holder:
    cdef object kept
    cdef long count

    cdef long clean(self, long n) noexcept nogil:
        self.count += n
        return self.count

    cdef long takes_gil(self, long n) noexcept nogil:
        with gil:
            self.kept = n
        return n

    cdef long uses_object(self, long n) noexcept:
        self.kept = [n]
        return len(self.kept)

cdef long may_raise(long a) except? -1 nogil:
    if a == 0:
        raise ValueError
    return a

cdef long allocates(long n) noexcept nogil:
    cdef void* taken = malloc(n)
    free(taken)
    return n

cdef long swallows(long a) noexcept nogil:
    return may_raise(a)

def use(Holder holder):
    return holder.clean(1) + holder.takes_gil(1) + holder.uses_object(1) + swallows(1) + allocates(1)
"""

# types and a macro that stand for plain C: a pointer to an object that is not counted is only a pointer
ALLOWED = {"Py_ssize_t", "PyObject", "Py_UNUSED"}
PYTHON = re.compile(r"\b_?Py[A-Z_]\w*|\b__Pyx_\w+")
AT_START = {"map_pages", "unmap_pages"}
ALLOCATION = re.compile(r"\b(?:malloc|calloc|realloc|free|mmap|munmap|aligned_alloc|posix_memalign)\s*\(")
DEFINITION = re.compile(
    r"^(?:static|CYTHON_INLINE|__PYX_EXTERN_C)[^;={}]*?\b(__pyx_f_\w+)\([^;{}]*\)\s*\{", re.MULTILINE
)
NOGIL = re.compile(
    r"^\s*cdef\s+(?:inline\s+)?[^\n(=]*?(\w+)\s*\((?:[^()]|\([^()]*\))*\)\s*noexcept\s+nogil", re.MULTILINE
)


def release_directives() -> dict[str, Any]:
    """As in setup.py, for a release build."""
    for node in ast.parse((PROJECT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and [getattr(each, "id", "") for each in node.targets] == ["directives"]:
            directives = eval(compile(ast.Expression(node.value), "setup.py", "eval"), {"DEBUG": False})
            return dict(directives)
    raise AssertionError("setup.py has no `directives`")


TRANSLATE = """
import sys
from Cython.Compiler.Main import compile_single
from Cython.Compiler.Options import CompilationOptions
source, target, directives = eval(sys.stdin.read())
options = CompilationOptions(compiler_directives=directives, language_level=3, output_file=target)
sys.exit(compile_single(source, options, full_module_name="bad").num_errors)
"""


def compiled(module: str) -> str:
    """The C of the release build, which must be that of the sources as they are now."""
    name = f"{module.replace('.', '/')}.pyx"
    staged = BUILD / "src" / "hotpath" / name
    assert staged.exists(), f"{BUILD}: no release build: python3 -m cli.bootstrap ensure"
    assert staged.read_bytes() == (SOURCE / "hotpath" / name).read_bytes(), f"{name}: changed since the last build"
    return (BUILD / "build" / "c" / "src" / "hotpath" / name).with_suffix(".c").read_text()


def bodies(c: str) -> Iterator[tuple[str, str]]:
    """(C name, body) of the functions that Cython made from cdef functions."""
    for found in DEFINITION.finditer(c):
        end = c.index("\n}\n", found.end())
        text = re.sub(r"/\*.*?\*/", "", c[found.end() : end], flags=re.DOTALL)
        yield found.group(1), re.sub(r'^#.*$|"(?:[^"\\]|\\.)*"', "", text, flags=re.MULTILINE)


def nogil_names(*sources: str) -> set[str]:
    return {name for source in sources for name in NOGIL.findall(source)}


def python_in(body: str) -> set[str]:
    return set(PYTHON.findall(body)) - ALLOWED


def allocation_in(body: str) -> set[str]:
    return set(ALLOCATION.findall(body))


def short_name(c_name: str, names: set[str]) -> str | None:
    """The Cython name in __pyx_f_<length><package>..._<name>: the longest that fits, so `_cancel` is not `cancel`."""
    fitting = [name for name in names if c_name.endswith(name) and not c_name[: -len(name)].endswith("__")]
    return max(fitting, key=len, default=None)


def declared(module: str) -> set[str]:
    """Names of the nogil functions in the module's folder: those of the .pxd files end up in every user's C."""
    folder = (SOURCE / "hotpath" / module.replace(".", "/")).parent
    return nogil_names(*(file.read_text() for file in (*folder.glob("*.pxd"), *folder.glob("*.pyx"))))


def offences(c: str, names: set[str]) -> tuple[set[str], dict[str, set[str]]]:
    """(nogil functions found, what each of them uses of Python)."""
    found: set[str] = set()
    bad: dict[str, set[str]] = {}
    for c_name, body in bodies(c):
        name = short_name(c_name, names)
        if name is None:
            continue
        found.add(name)
        if used := python_in(body) | (set() if name in AT_START else allocation_in(body)):
            bad[c_name] = used
    return found, bad


@pytest.mark.parametrize("module", MODULES)
def test_hot_functions_are_free_of_python(module: str) -> None:
    found, bad = offences(compiled(module), declared(module))
    assert MODULES[module] <= found, f"not found in the C: {MODULES[module] - found}"
    assert bad == {}


def test_functions_that_touch_python_are_found(tmp_path: Path) -> None:
    source, target = tmp_path / "bad.pyx", tmp_path / "bad.c"
    source.write_text(BAD)
    done = subprocess.run(
        [sys.executable, "-c", TRANSLATE], input=repr((str(source), str(target), release_directives())),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    hot = nogil_names(BAD)
    assert hot == {"clean", "takes_gil", "swallows", "allocates"}
    found, bad = offences(target.read_text(), hot | {"uses_object"})
    assert found == {"clean", "takes_gil", "uses_object", "swallows", "allocates"}
    by_name = {short_name(name, found): used for name, used in bad.items()}
    assert by_name.keys() == {"takes_gil", "uses_object", "swallows", "allocates"}
    assert by_name["allocates"] == {"malloc(", "free("}
    assert any("PyGILState" in used for used in by_name["takes_gil"])
    assert any("PyList" in used or "Py_" in used for used in by_name["uses_object"])
