# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""Source of other participants' order flow. See flow.pxd; `take` is the Python edge used by tools and tests."""
from libc.stddef cimport size_t


class FlowError(Exception):
    """Order flow that cannot be replayed; the text names the file, the line and the fix."""


cdef class FlowSource:
    cdef const FlowRow* peek(self) noexcept nogil:
        return NULL

    cdef void advance(self) noexcept nogil:
        self.position += 1

    def take(self, size_t count):
        """Consume up to `count` rows: list of (time_ns, kind, order_id, size, price, side, before_open)."""
        cdef const FlowRow* row
        rows = []
        while count > 0:
            row = self.peek()
            if row == NULL:
                break
            rows.append((row.time_ns, row.kind, row.order_id, row.size, row.price, chr(row.side),
                         (row.flags & FLOW_BEFORE_OPEN) != 0))
            self.advance()
            count -= 1
        return rows
