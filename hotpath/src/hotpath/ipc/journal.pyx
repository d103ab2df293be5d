import fcntl
import os
import re
import threading

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.string cimport memcpy, memset, strerror
from posix.mman cimport MAP_FAILED, MAP_SHARED, MS_SYNC, PROT_READ, PROT_WRITE, mmap, msync, munmap

from hotpath.ipc.atomics cimport load_acquire_u64, store_relaxed_u64, store_release_u64
from hotpath.ipc.clock cimport monotonic_ns, realtime_ns

cdef extern from "<sys/mman.h>":
    const int MAP_POPULATE

cdef extern from "<unistd.h>" nogil:
    int close_fd "close"(int fd) noexcept

cdef enum:
    JOURNAL_VERSION = 1
    HEADER_SIZE = 4096
    MAX_RECORD_SIZE = 65536
    MAX_SEGMENT_RECORDS = 0x1000000
    REOPEN_INTERVAL_NS = 1000000   # a reader at the end of a segment looks for the next file at most this often

# "IRONJRN1" in memory on a little-endian host.
cdef uint64_t JOURNAL_MAGIC = 0x314E524A4E4F5249

_FILE_PATTERN = re.compile(r"([0-9]{20})\.journal")
_LOCK_NAME = "lock"

cdef struct JournalHeader:
    uint64_t magic
    uint32_t version
    uint32_t record_size
    uint64_t first_sequence
    uint32_t capacity
    uint32_t reserved
    int64_t created_wall_ns


class JournalError(Exception):
    """A journal that cannot be opened, written or read; the text names the file and the fix."""


class JournalFull(JournalError):
    """No room: every segment is in use and none may be deleted yet."""


@cython.overflowcheck(False)  # wraps on purpose
cdef uint64_t _checksum(const char *record, uint32_t size, uint64_t sequence) noexcept nogil:
    """Mixes a record with its sequence; finds a record whose pages reached the disk only in part."""
    cdef const uint64_t *words = <const uint64_t *>record
    cdef uint64_t prime = <uint64_t>0x9E3779B97F4A7C15ULL
    cdef uint64_t a = sequence, b = prime, c = ~sequence, d = size
    cdef uint32_t i, count = size // 8
    # Four lanes: a single chain of multiplications would cost three times as much.
    for i in range(0, count & ~<uint32_t>3, 4):
        a = (a ^ words[i]) * prime
        b = (b ^ words[i + 1]) * prime
        c = (c ^ words[i + 2]) * prime
        d = (d ^ words[i + 3]) * prime
        a ^= a >> 29
        b ^= b >> 29
        c ^= c >> 29
        d ^= d >> 29
    for i in range(count & ~<uint32_t>3, count):
        a = (a ^ words[i]) * prime
        a ^= a >> 29
    a = (a ^ (b << 1 | b >> 63)) * prime
    c = (c ^ (d << 1 | d >> 63)) * prime
    a ^= a >> 32
    return (a ^ (c << 32 | c >> 32)) * prime


cdef class JournalSegment:
    def __init__(self):
        raise TypeError("segments belong to a JournalWriter or JournalReader")

    def __dealloc__(self):
        if self.base != NULL:
            munmap(self.base, self.size)
            self.base = NULL


def _file_name(unsigned long long first_sequence) -> str:
    return f"{first_sequence:020d}.journal"


def _first_sequences(str directory) -> list:
    """First sequences of the segment files in a directory, oldest first."""
    return sorted(int(match[1]) for match in map(_FILE_PATTERN.fullmatch, os.listdir(directory)) if match)


cdef size_t _file_size(uint32_t record_size, uint32_t capacity) noexcept:
    return HEADER_SIZE + <size_t>capacity * (sizeof(JournalCommit) + record_size)


cdef JournalSegment _map_segment(str path, int fd, size_t size, bint writable):
    cdef JournalSegment segment = JournalSegment.__new__(JournalSegment)
    cdef int protection = PROT_READ | PROT_WRITE if writable else PROT_READ
    cdef int flags = MAP_SHARED | MAP_POPULATE if writable else MAP_SHARED
    cdef void *base
    with nogil:
        base = mmap(NULL, size, protection, flags, fd, 0)
    if base == MAP_FAILED:
        raise JournalError(f"{path}: cannot be mapped ({strerror(errno).decode()})")
    segment.path = path
    segment.base = <char *>base
    segment.size = size
    return segment


cdef _lay_out(JournalSegment segment):
    cdef JournalHeader *header = <JournalHeader *>segment.base
    segment.first_sequence = header.first_sequence
    segment.capacity = header.capacity
    segment.record_size = header.record_size
    segment.commits = <JournalCommit *>(segment.base + HEADER_SIZE)
    segment.records = segment.base + HEADER_SIZE + <size_t>header.capacity * sizeof(JournalCommit)


cdef JournalSegment _create_segment(str directory, uint64_t first_sequence, uint32_t record_size, uint32_t capacity):
    """A new, empty segment file with all its blocks reserved. Raises JournalError."""
    cdef JournalSegment segment
    cdef JournalHeader *header
    cdef size_t size = _file_size(record_size, capacity)
    path = os.path.join(directory, _file_name(first_sequence))
    temporary = path + ".tmp"
    try:
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            # Reserved now: a store to a mapped hole on a full disk would kill the process with SIGBUS.
            os.posix_fallocate(fd, 0, size)
            segment = _map_segment(path, fd, size, True)
        finally:
            os.close(fd)
        header = <JournalHeader *>segment.base
        header.version = JOURNAL_VERSION
        header.record_size = record_size
        header.first_sequence = first_sequence
        header.capacity = capacity
        header.created_wall_ns = realtime_ns()
        header.magic = JOURNAL_MAGIC
        os.rename(temporary, path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise JournalError(f"{path}: {size} bytes cannot be reserved ({error.strerror}); free space on this disk") from error
    _lay_out(segment)
    return segment


cdef JournalSegment _open_segment(str directory, uint64_t first_sequence, uint32_t record_size, bint writable):
    """Maps and validates a segment file. Raises FileNotFoundError, JournalError."""
    cdef JournalSegment segment
    cdef JournalHeader *header
    cdef size_t size
    path = os.path.join(directory, _file_name(first_sequence))
    try:
        fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JournalError(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        size = os.fstat(fd).st_size
        if size < HEADER_SIZE:
            raise JournalError(f"{path}: {size} bytes, too short for a journal segment; restore it from a copy")
        segment = _map_segment(path, fd, size, writable)
    finally:
        os.close(fd)
    header = <JournalHeader *>segment.base
    if header.magic != JOURNAL_MAGIC or header.version != JOURNAL_VERSION:
        raise JournalError(
            f"{path}: magic {header.magic:#x} version {header.version}, expected {JOURNAL_MAGIC:#x} version {JOURNAL_VERSION}; "
            "written by another build or damaged"
        )
    if header.record_size != record_size:
        raise JournalError(f"{path}: records of {header.record_size} bytes, expected {record_size}; written by another build")
    if header.first_sequence != first_sequence or header.capacity == 0 or size != _file_size(record_size, header.capacity):
        raise JournalError(
            f"{path}: header says sequence {header.first_sequence}, {header.capacity} records; file is {size} bytes; restore it"
        )
    _lay_out(segment)
    return segment


cdef bint _intact(JournalSegment segment, uint32_t index) noexcept nogil:
    cdef uint64_t sequence = segment.first_sequence + index
    return load_acquire_u64(&segment.commits[index].sequence) == sequence and segment.commits[index].checksum == _checksum(
        segment.records + <size_t>index * segment.record_size, segment.record_size, sequence
    )


cdef uint32_t _committed(JournalSegment segment) noexcept nogil:
    """Number of records with a commit marker at the start of a segment, by bisection."""
    cdef uint32_t low = 0, high = segment.capacity, middle
    while low < high:
        middle = low + (high - low) // 2
        if load_acquire_u64(&segment.commits[middle].sequence) == segment.first_sequence + middle:
            low = middle + 1
        else:
            high = middle
    return low


cdef class JournalWriter:
    def __cinit__(self, str directory, uint32_t record_size, uint32_t segment_records = 65536, uint32_t max_segments = 1024):
        self._lock_fd = -1
        if record_size == 0 or record_size % 8 != 0 or record_size > MAX_RECORD_SIZE:
            raise JournalError(f"journal {directory}: record size {record_size}; use a multiple of 8 up to {MAX_RECORD_SIZE}")
        if not 1 <= segment_records <= MAX_SEGMENT_RECORDS:
            raise JournalError(f"journal_segment_records: {segment_records} is outside 1..{MAX_SEGMENT_RECORDS}")
        if not 2 <= max_segments <= 1_000_000:
            raise JournalError(f"journal_max_segments: {max_segments} is outside 2..1000000")
        self.directory = directory
        self.record_size = record_size
        self.segment_records = segment_records
        self.max_segments = max_segments
        self._files_lock = threading.Lock()
        try:
            os.makedirs(directory, mode=0o750, exist_ok=True)
            self._take_lock()
            self._recover()
        except OSError as error:
            raise JournalError(f"{directory}: {error.strerror}; the journal's folder must be writable") from error

    def __dealloc__(self):
        if self._lock_fd >= 0:
            close_fd(self._lock_fd)

    cdef object _take_lock(self):
        path = os.path.join(self.directory, _LOCK_NAME)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            raise JournalError(
                f"{self.directory}: process {holder} writes this journal; a journal has one writer, stop that one"
            ) from None
        self._lock_fd = fd
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)

    cdef object _recover(self):
        cdef JournalSegment segment
        cdef uint32_t index
        for entry in os.listdir(self.directory):
            if entry.endswith(".journal.tmp"):
                os.unlink(os.path.join(self.directory, entry))
        self._segments = _first_sequences(self.directory)
        current = None
        expected = None
        later = []
        for first in self._segments:
            segment = _open_segment(self.directory, first, self.record_size, False)
            if expected is not None and first != expected:
                raise JournalError(
                    f"{segment.path}: starts at sequence {first}, the file before it ends at {expected - 1}; restore what is missing"
                )
            expected = first + segment.capacity
            if current is not None:
                self._require_empty(segment)
                later.append(first)
            elif load_acquire_u64(&segment.commits[segment.capacity - 1].sequence) == 0:
                current = first
        if expected is None:
            self._current = self._new_segment(1)
            self._point_at(1)
        elif current is None:
            self._current = segment
            self._point_at(expected)
        else:
            self._current = _open_segment(self.directory, current, self.record_size, True)
            index = self._recover_tail(self._current)
            self._point_at(self._current.first_sequence + index)
            if later:
                self._standby = _open_segment(self.directory, later[0], self.record_size, True)
        self._segment_count = len(self._segments)
        self._standby_missing = self._standby is None
        self._standby_capacity = self._standby.capacity if self._standby is not None else 0

    cdef uint32_t _recover_tail(self, JournalSegment segment) except? 0xFFFFFFFF:
        """Number of good records of the segment that is being filled; clears a torn last one."""
        cdef uint32_t index = 0, rest, i
        cdef uint64_t *words
        while index < segment.capacity and _intact(segment, index):
            index += 1
        for rest in range(index + 1, segment.capacity):
            if load_acquire_u64(&segment.commits[rest].sequence) != 0:
                raise JournalError(
                    f"{segment.path}: record {segment.first_sequence + index} is damaged but later ones are committed; "
                    "restore this file or move the journal away to keep it"
                )
        if index < segment.capacity:
            words = <uint64_t *>(segment.records + <size_t>index * segment.record_size)
            self.torn_record = segment.commits[index].sequence != 0 or segment.commits[index].checksum != 0
            for i in range(segment.record_size // 8):
                if words[i] != 0:
                    self.torn_record = True
            store_release_u64(&segment.commits[index].sequence, 0)
            segment.commits[index].checksum = 0
            memset(words, 0, segment.record_size)
        return index

    cdef object _require_empty(self, JournalSegment segment):
        cdef uint32_t i
        for i in range(segment.capacity):
            if segment.commits[i].sequence != 0:
                raise JournalError(
                    f"{segment.path}: holds records but the file before it is not full; restore that file or move the journal away"
                )

    cdef JournalSegment _new_segment(self, uint64_t first_sequence):
        if len(self._segments) >= self.max_segments:
            raise JournalFull(
                f"{self.directory}: all {self.max_segments} segments of {self.segment_records} records are in use; "
                "archive and release old ones or raise journal_max_segments"
            )
        segment = _create_segment(self.directory, first_sequence, self.record_size, self.segment_records)
        self._segments.append(first_sequence)
        self._segment_count = len(self._segments)
        return segment

    cdef object _point_at(self, uint64_t sequence):
        cdef uint64_t index = sequence - self._current.first_sequence
        self._next = sequence
        self._room = self._current.capacity - index
        self._record = self._current.records + index * self.record_size
        self._commit = self._current.commits + index

    cdef bint _roll(self) noexcept nogil:
        with gil:
            try:
                self.prepare()
                with self._files_lock:
                    self._current = self._standby
                    self._standby = None
                    self._standby_missing = True
                self._point_at(self._current.first_sequence)
                return True
            except Exception:  # prepare() has put it into `failure`
                return False

    cdef uint64_t commit(self) noexcept nogil:
        cdef uint64_t sequence = self._next
        store_relaxed_u64(&self._commit.checksum, _checksum(self._record, self.record_size, sequence))
        store_release_u64(&self._commit.sequence, sequence)
        self._next = self._next + 1
        self._room = self._room - 1
        self._record = self._record + self.record_size
        self._commit = self._commit + 1
        return sequence

    cdef uint64_t append(self, const void *record) noexcept nogil:
        cdef void *slot = self.claim()
        if slot == NULL:
            return 0
        memcpy(slot, record, self.record_size)
        return self.commit()

    cdef uint64_t prepared_records(self) noexcept nogil:
        return self._room + (0 if self._standby_missing else self._standby_capacity)

    cdef uint64_t free_records(self) noexcept nogil:
        cdef uint64_t prepared = self.prepared_records()
        if self._failed or self._segment_count >= self.max_segments:
            return prepared
        return prepared + <uint64_t>(self.max_segments - self._segment_count) * self.segment_records

    def prepare(self) -> None:
        """Makes the next segment file when there is none yet; may take ms. Safe beside append on another thread.

        Raises JournalFull when all segments are in use, JournalError when the disk refuses; `failure` keeps the text.
        """
        with self._files_lock:
            if self._lock_fd < 0:
                raise JournalError(f"{self.directory}: this writer is closed")
            if self._standby is not None:
                return
            try:
                self._standby = self._new_segment(self._current.first_sequence + self._current.capacity)
            except JournalError as error:
                self.failure = str(error)
                self._failed = True
                raise
            self.failure = None
            self._failed = False
            self._standby_capacity = self._standby.capacity
            self._standby_missing = False

    def append_bytes(self, const unsigned char[::1] record not None) -> int:
        """Appends one record of exactly record_size bytes and returns its sequence. Raises JournalFull, JournalError."""
        cdef uint64_t sequence
        if record.shape[0] != self.record_size:
            raise ValueError(f"record of {record.shape[0]} bytes for a journal of {self.record_size}")
        if self._lock_fd < 0:
            raise JournalError(f"{self.directory}: this writer is closed")
        sequence = self.append(&record[0])
        if sequence == 0:
            raise (JournalFull if self._segment_count >= self.max_segments else JournalError)(self.failure)
        return sequence

    def release_before(self, uint64_t sequence) -> int:
        """Deletes the segment files all of whose records are older than `sequence`; returns how many.

        Readers that are inside such a file keep it; one that comes later is told that its record was released.
        """
        cdef int released = 0
        with self._files_lock:
            while len(self._segments) > 1 and self._segments[0] < self._current.first_sequence and self._segments[1] <= sequence:
                try:
                    os.unlink(os.path.join(self.directory, _file_name(self._segments[0])))
                except FileNotFoundError:
                    pass
                except OSError as error:
                    raise JournalError(f"{self.directory}: cannot delete an old segment ({error.strerror})") from error
                self._segments.pop(0)
                released += 1
            self._segment_count = len(self._segments)
            if released:
                self._failed = False
                self.failure = None
        return released

    def sync(self) -> None:
        """Forces what was appended to the current segment onto the disk. Raises JournalError."""
        cdef char *base = self._current.base
        cdef size_t size = self._current.size
        cdef int result
        with nogil:
            result = msync(base, size, MS_SYNC)
        if result != 0:
            raise JournalError(f"{self._current.path}: cannot be synced ({strerror(errno).decode()})")

    def close(self) -> None:
        """Lets another writer open the journal. What was appended stays."""
        if self._lock_fd >= 0:
            close_fd(self._lock_fd)
            self._lock_fd = -1
            self._room = 0
            self._standby = None
            self._standby_missing = True
            self._failed = True
            self.failure = f"{self.directory}: this writer is closed"

    @property
    def first_sequence(self) -> int:
        """Oldest sequence still kept (whole segments)."""
        return self._segments[0]

    @property
    def last_sequence(self) -> int:
        """Sequence of the newest record; 0 = none was ever written."""
        return self._next - 1

    @property
    def free(self) -> int:
        return self.free_records()

    @property
    def prepared(self) -> int:
        return self.prepared_records()

    @property
    def wants_prepare(self) -> bool:
        return self.needs_prepare()


cdef class JournalReader:
    def __cinit__(self, str directory, uint32_t record_size, uint64_t sequence = 1):
        if sequence == 0:
            raise JournalError(f"journal {directory}: sequences start at 1")
        if record_size == 0 or record_size % 8 != 0 or record_size > MAX_RECORD_SIZE:
            raise JournalError(f"journal {directory}: record size {record_size}; use a multiple of 8 up to {MAX_RECORD_SIZE}")
        self.directory = directory
        self.record_size = record_size
        self._next = sequence

    cdef const void *poll(self) noexcept nogil:
        cdef const char *record
        cdef uint64_t index
        if self._failed:
            return NULL
        if self._next >= self._end:
            if not self._open_next():
                return NULL
        index = self._next - self._first
        if load_acquire_u64(&self._commits[index].sequence) != self._next:
            return NULL
        record = self._records + index * self.record_size
        if self._commits[index].checksum != _checksum(record, self.record_size, self._next):
            with gil:
                self.failure = f"{self._current.path}: record {self._next} is damaged; restore this file"
            self._failed = True
            return NULL
        self._next = self._next + 1
        return record

    cdef bint _open_next(self) noexcept nogil:
        cdef int64_t now = monotonic_ns()
        if now - self._looked_ns < REOPEN_INTERVAL_NS:
            return False
        self._looked_ns = now
        with gil:
            return self._enter_next()

    cdef bint _enter_next(self) noexcept:
        cdef JournalSegment segment
        try:
            segment = self._find()
        except Exception as error:
            self.failure = str(error)
            self._failed = True
            return False
        if segment is None:
            return False
        self._current = segment
        self._first = segment.first_sequence
        self._end = segment.first_sequence + segment.capacity
        self._commits = segment.commits
        self._records = segment.records
        self._looked_ns = 0
        return True

    cdef JournalSegment _find(self):
        """The segment that holds or will hold the next record; None = not there yet. Raises JournalError."""
        cdef JournalSegment segment
        for _ in range(3):
            try:
                firsts = _first_sequences(self.directory)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise JournalError(f"{self.directory}: cannot be listed ({error.strerror})") from error
            if not firsts:
                return None
            candidates = [first for first in firsts if first <= self._next]
            if not candidates:
                raise JournalError(
                    f"{self.directory}: record {self._next} was released; the oldest kept is {firsts[0]}, continue there"
                )
            try:
                segment = _open_segment(self.directory, candidates[len(candidates) - 1], self.record_size, False)
            except FileNotFoundError:
                continue  # released between the two looks
            if self._next < segment.first_sequence + segment.capacity:
                return segment
            if len(candidates) != len(firsts):
                raise JournalError(f"{self.directory}: the file with record {self._next} is missing; restore it")
            return None
        return None

    def next_record(self) -> bytes | None:
        """The next record; None = not written yet. Raises JournalError when it was released or is damaged."""
        cdef const void *record = self.poll()
        if record == NULL:
            if self._failed:
                raise JournalError(self.failure)
            return None
        return PyBytes_FromStringAndSize(<const char *>record, self.record_size)

    def read(self, int limit = 1024) -> list:
        """Up to `limit` next records as (sequence, bytes); [] = none yet.

        Raises JournalError as next_record does, but only after every record before the bad one was returned.
        """
        cdef const void *record
        records = []
        while len(records) < limit:
            record = self.poll()
            if record == NULL:
                if self._failed and not records:
                    raise JournalError(self.failure)
                break
            records.append((self._next - 1, PyBytes_FromStringAndSize(<const char *>record, self.record_size)))
        return records

    def last_sequence(self) -> int:
        """Newest sequence in the journal now; 0 = none was ever written. Raises JournalError."""
        cdef JournalSegment segment
        for _ in range(3):
            try:
                firsts = _first_sequences(self.directory)
            except FileNotFoundError:
                return 0
            try:
                for first in reversed(firsts):
                    segment = _open_segment(self.directory, first, self.record_size, False)
                    count = _committed(segment)
                    if count or first == firsts[0]:
                        return first + count - 1
            except FileNotFoundError:
                continue
            return 0
        raise JournalError(f"{self.directory}: segments are being deleted faster than they can be listed")

    @property
    def next_sequence(self) -> int:
        return self._next
