"""Steps of the bootstrap: what is due, in order, with time and a log file each. Standard library only."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TAIL_LINES = 15
TELLING_LINES = 12
_SEARCHED_LINES = 5000
# a compiler's `file:line:column:`, or the word error
_TELLING = re.compile(r"\S:\d+:\d+: |\berror\b:", re.IGNORECASE)
_BEAT_S = 30.0
_RETRY_PAUSE_S = 2.0


class BootstrapError(Exception):
    """Something is missing or failed; the text is complete: what, where, and how to mend it."""


@dataclass(frozen=True)
class Step:
    """inputs is a digest of all that the outcome depends on; the step is due when it or an output is not as stamped."""

    key: str
    title: str
    inputs: str
    outputs: tuple[Path, ...]
    action: Callable[[StepLog], None]
    hint: str = ""

    def due(self, stamps: Path) -> bool:
        try:
            stamped = json.loads((stamps / f"{self.key}.json").read_text())["inputs"]
        except (OSError, ValueError, KeyError, TypeError):
            return True
        return stamped != self.inputs or not all(path.exists() for path in self.outputs)

    def stamp(self, stamps: Path, seconds: float) -> None:
        stamps.mkdir(parents=True, exist_ok=True)
        draft = stamps / f".{self.key}.{os.getpid()}"
        draft.write_text(json.dumps({"inputs": self.inputs, "seconds": round(seconds, 1)}) + "\n")
        draft.replace(stamps / f"{self.key}.json")


class CommandError(Exception):
    """A command of a step failed; its output is in the step's log."""


class StepLog:
    """Log file of one step, and the one line that shows on the terminal while it runs.

    finding: one line for people that stays on the terminal below the step, such as what was chosen.
    """

    def __init__(self, file: Path, stream: IO[str], label: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self._label = label
        self._stream = stream
        self._tty = stream.isatty()
        self._started = time.monotonic()
        self._note = ""
        self.finding = ""
        self._log = file.open("w", buffering=1, errors="replace")
        self._done = threading.Event()
        self._beat = threading.Thread(target=self._keep_showing, daemon=True)
        self._show(first=True)
        self._beat.start()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """What the step is doing right now."""
        self._log.write(f"# {text}\n")
        self._note = text

    def close(self, outcome: str) -> None:
        self._done.set()
        self._beat.join()
        self._log.close()
        end = "\r\033[K" if self._tty else ""
        self._stream.write(f"{end}{self._label} … {self.seconds:.0f} s{outcome}\n")
        if self.finding:
            self._stream.write(f"      {self.finding}\n")
        self._stream.flush()

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float,
        tries: int = 1,
    ) -> str:
        """Runs a command to its end, output into the log; returns stdout. Raises CommandError after the last try."""
        for attempt in range(1, tries + 1):
            try:
                return self._run(command, cwd, env, timeout)
            except CommandError as error:
                if attempt == tries:
                    raise
                self._log.write(f"# {error}; try {attempt + 1} of {tries}\n")
                time.sleep(_RETRY_PAUSE_S * attempt)
        raise AssertionError("unreachable")

    def _run(self, command: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None, timeout: float) -> str:
        self._log.write(f"$ {' '.join(command)}\n")
        try:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise CommandError(f"cannot start {command[0]}: {error.strerror}") from None
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise CommandError(f"{command[0]} took longer than {timeout:.0f} s") from None
        finally:
            if process.poll() is None:  # a time limit or Ctrl-C: nothing of it may go on
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        self._log.write(output)
        if process.returncode != 0:
            raise CommandError(f"{Path(command[0]).name} exited {process.returncode}")
        return output

    def tail(self) -> list[str]:
        """The last lines, and before them those further up that say what is wrong and where."""
        with self.file.open(errors="replace") as stream:
            lines = [line.rstrip("\n") for line in deque(stream, maxlen=_SEARCHED_LINES)]
        above, last = lines[:-TAIL_LINES], lines[-TAIL_LINES:]
        telling = [line for line in above if _TELLING.search(line)][:TELLING_LINES]
        return [*telling, "…", *last] if telling else last

    def _keep_showing(self) -> None:
        while not self._done.wait(1.0 if self._tty else _BEAT_S):
            self._show()

    def _show(self, first: bool = False) -> None:
        text = self._label if first else f"{self._label} … {self.seconds:.0f} s"
        text += f", {self._note}" if self._note else ""
        width = 100
        self._stream.write(f"\r\033[K{text[:width]}" if self._tty else f"{text}\n")
        self._stream.flush()


def run_steps(steps: Sequence[Step], stamps: Path, logs: Path, stream: IO[str] | None = None) -> list[str]:
    """Runs what is due, in order; returns the keys of what ran. Raises BootstrapError at the first failure."""
    out = stream or sys.stderr
    ran = []
    for number, step in enumerate(steps, 1):
        if not step.due(stamps):
            continue
        log = StepLog(logs / f"{step.key}.log", out, f"[{number}/{len(steps)}] {step.title}")
        try:
            step.action(log)
        except (CommandError, OSError) as error:
            log.close("  FAILED")
            lines = "\n".join(f"    {line}" for line in log.tail())
            hint = f"\n  to mend it: {step.hint}" if step.hint else ""
            raise BootstrapError(f"{step.title}: {error}\n{lines}\n  whole log: {log.file}{hint}") from None
        except BaseException:
            log.close("  FAILED")
            raise
        step.stamp(stamps, log.seconds)
        log.close("")
        ran.append(step.key)
    return ran
