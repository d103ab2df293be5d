"""Memory-mapped, segmented, append-only log of fixed-size records with gapless sequence numbers from 1."""
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hotpath.ipc.atomics cimport load_acquire_u64

# Written after the record, sequence last with release: a reader or a recovery that sees the sequence sees the record.
cdef struct JournalCommit:
    uint64_t checksum
    uint64_t sequence

@cython.final
cdef class JournalSegment:
    """One mapped segment file. Layout: header page, commit entries, records."""
    cdef char *base
    cdef size_t size
    cdef JournalCommit *commits
    cdef char *records
    cdef readonly uint64_t first_sequence
    cdef readonly uint32_t capacity
    cdef readonly uint32_t record_size
    cdef readonly str path

@cython.final
cdef class JournalWriter:
    """JournalWriter(directory, record_size, segment_records, max_segments): opens or recovers; one writer per directory."""
    cdef readonly str directory
    cdef readonly uint32_t record_size
    cdef readonly uint32_t segment_records
    cdef readonly uint32_t max_segments
    cdef readonly bint torn_record            # recovery found and dropped an uncommitted or torn last record
    cdef readonly str failure                 # why the next segment could not be made; None when all is well
    cdef JournalSegment _current
    cdef JournalSegment _standby              # the next segment, made ahead of need
    cdef list _segments                       # first sequences of all segment files, oldest first
    cdef uint32_t _segment_count
    cdef bint _failed
    cdef uint64_t _next
    cdef uint64_t _room                       # records left in _current
    cdef char *_record                        # where the next record goes
    cdef JournalCommit *_commit
    cdef int _lock_fd

    # Sequence that the next commit() gives.
    cdef inline uint64_t next_sequence(self) noexcept nogil:
        return self._next

    # Where to write the next record (record_size bytes, old content undefined), NULL when the journal is full or the
    # disk refused a new segment (see failure). Takes the GIL only when no standby segment was prepared.
    cdef inline void *claim(self) noexcept nogil:
        if self._room == 0 and not self._roll():
            return NULL
        return self._record

    # Commits the claimed record; returns its sequence. Only after a claim() that was not NULL.
    cdef uint64_t commit(self) noexcept nogil
    # claim + copy + commit; 0 = full.
    cdef uint64_t append(self, const void *record) noexcept nogil
    # Records that still fit before the journal is full. After a failed prepare() only what is prepared counts.
    cdef uint64_t free_records(self) noexcept nogil
    # Records that fit without making another file: certain, whatever the disk says later.
    cdef uint64_t prepared_records(self) noexcept nogil

    # Call prepare() (Python) from an idle or timer pass when this is true, so that append never makes a file itself.
    cdef inline bint needs_prepare(self) noexcept nogil:
        return self._standby_missing

    cdef bint _standby_missing
    cdef uint32_t _standby_capacity
    cdef object _files_lock
    cdef bint _roll(self) noexcept nogil
    cdef object _point_at(self, uint64_t sequence)
    cdef object _take_lock(self)
    cdef object _recover(self)
    cdef uint32_t _recover_tail(self, JournalSegment segment) except? 0xFFFFFFFF
    cdef object _require_empty(self, JournalSegment segment)
    cdef JournalSegment _new_segment(self, uint64_t first_sequence)

@cython.final
cdef class JournalReader:
    """JournalReader(directory, record_size, sequence=1): tails from `sequence`, which the writer may not have reached yet."""
    cdef readonly str directory
    cdef readonly uint32_t record_size
    cdef JournalSegment _current
    cdef uint64_t _next
    cdef uint64_t _first                      # sequences that _current can hold: _first <= s < _end
    cdef uint64_t _end
    cdef const JournalCommit *_commits
    cdef const char *_records
    cdef int64_t _looked_ns
    cdef readonly str failure
    cdef bint _failed

    # Sequence of the record that the next poll() gives.
    cdef inline uint64_t position(self) noexcept nogil:
        return self._next

    # The next committed record (valid until the next poll()), NULL when there is none yet or on failure (see failed()).
    # Moves on by itself. Takes the GIL only to open the next segment file.
    cdef const void *poll(self) noexcept nogil

    # The record is gone (released) or damaged: stop and report `failure`.
    cdef inline bint failed(self) noexcept nogil:
        return self._failed

    cdef bint _open_next(self) noexcept nogil
    cdef bint _enter_next(self) noexcept
    cdef JournalSegment _find(self)
