"""Bridge from the strategy loop to a strategy written in Python: the slow path, for prototypes."""
from hotpath.strategy.base cimport Strategy

cdef class PythonDesk(Strategy):
    cdef readonly object strategy         # the PythonStrategy
    cdef readonly object failure          # the exception that a callback raised; no callback runs after it
    cdef void _fail(self, object error)
