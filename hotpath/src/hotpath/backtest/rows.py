"""Rows that a simulation hands out, see EVENT_COLUMNS and Sample."""

from __future__ import annotations

EventRow = tuple[int, int, str, int, int, int, str, str, str, int, int, int, int, int, int, int, int, str, int, int]
SampleRow = tuple[int, int, int, int, int]
