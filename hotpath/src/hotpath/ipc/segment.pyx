import os
import re
import stat as stat_module
from enum import IntEnum

from libc.errno cimport ENOENT, EPERM, ESRCH, errno
from libc.stdio cimport snprintf
from libc.stdlib cimport strtoull
from libc.string cimport memcpy, memset, strerror, strrchr
from posix.fcntl cimport O_RDONLY, open as c_open
from posix.mman cimport MAP_FAILED, MAP_SHARED, PROT_READ, PROT_WRITE, mmap, munmap
from posix.signal cimport kill
from posix.unistd cimport close as c_close, getpid, read as c_read

from hotpath.ipc.atomics cimport compare_exchange_u32, load_acquire_i64, load_acquire_u32, store_release_u32
from hotpath.ipc.clock cimport monotonic_ns, realtime_ns

cdef extern from "<sys/mman.h>":
    const int MAP_POPULATE

cdef extern from "<fcntl.h>" nogil:
    const int O_CLOEXEC

# "IRONSEG1" in memory on a little-endian host.
cdef uint64_t SEGMENT_MAGIC = 0x314745534E4F5249

SHM_DIRECTORY = "/dev/shm"
_PREFIX_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_KIND_NAMES = {KIND_RING: "ring", KIND_SEQLOCK: "seqlock", KIND_HISTOGRAM: "histogram", KIND_STATUS: "status"}


class SegmentError(Exception):
    """A shared-memory segment that cannot be created or must not be used; the text names the path and the fix."""


class SegmentMissing(SegmentError):
    """There is no live segment of that name yet: try again later."""


class WrongInstrument(SegmentMissing):
    """The segment of that name is about another instrument: to this role it is not there yet. Try again later."""


class ProducerState(IntEnum):
    ALIVE = PRODUCER_ALIVE
    SILENT = PRODUCER_SILENT
    DEAD = PRODUCER_DEAD
    CLOSED = PRODUCER_CLOSED
    SUPERSEDED = PRODUCER_SUPERSEDED


cdef int _process_start(int32_t pid, uint64_t *start_ticks) noexcept nogil:
    """1 = runs (start_ticks set, 0 when hidden), 0 = gone or a zombie, -1 = could not find out."""
    cdef char path[40]
    cdef char text[1024]
    cdef char *cursor
    cdef ssize_t count
    cdef int fd, field
    start_ticks[0] = 0
    if pid <= 0:
        return 0
    snprintf(path, sizeof(path), b"/proc/%d/stat", <int>pid)
    fd = c_open(path, O_RDONLY | O_CLOEXEC)
    if fd < 0:
        if errno != ENOENT and errno != ESRCH:
            return -1
        # /proc may hide processes of other users (hidepid): the signal check still sees them.
        if kill(pid, 0) == 0 or errno == EPERM:
            return 1
        return 0
    count = c_read(fd, text, sizeof(text) - 1)
    field = errno
    c_close(fd)
    if count <= 0:
        return 0 if count < 0 and field == ESRCH else -1
    text[count] = 0
    cursor = strrchr(text, b')')  # the command name before it may hold any character
    if cursor == NULL or cursor[1] != b' ':
        return -1
    cursor += 2
    if cursor[0] == b'Z' or cursor[0] == b'X':
        return 0
    field = 3
    while field < 22 and cursor[0] != 0:
        if cursor[0] == b' ':
            field += 1
        cursor += 1
    if field != 22:
        return -1
    start_ticks[0] = strtoull(cursor, NULL, 10)
    return 1


cdef bint process_alive(int32_t pid, uint64_t start_ticks) noexcept nogil:
    cdef uint64_t now_ticks
    cdef int known = _process_start(pid, &now_ticks)
    if known < 0:
        return True  # never call a process dead on missing evidence
    if known == 0:
        return False
    return start_ticks == 0 or now_ticks == 0 or now_ticks == start_ticks


cdef bint process_alive_short(int32_t pid, uint32_t start_ticks) noexcept nogil:
    cdef uint64_t now_ticks
    cdef int known = _process_start(pid, &now_ticks)
    if known < 0:
        return True
    return known == 1 and (start_ticks == 0 or now_ticks == 0 or <uint32_t>now_ticks == start_ticks)


cdef uint64_t own_start_ticks() noexcept nogil:
    cdef uint64_t ticks = 0
    _process_start(getpid(), &ticks)
    return ticks


def is_process_alive(int pid, unsigned long long start_ticks = 0) -> bool:
    """Whether that process runs; start_ticks (/proc/PID/stat field 22) tells it from a later one with the same pid."""
    return process_alive(pid, start_ticks)


def process_start_ticks(int pid) -> int:
    """Start time of a process in clock ticks after boot; 0 = not running or not visible."""
    cdef uint64_t ticks = 0
    _process_start(pid, &ticks)
    return ticks


def segment_path(str shm_prefix, str name) -> str:
    """Path of a segment. Raises SegmentError for a prefix or name that is not a plain file name part."""
    if _PREFIX_PATTERN.fullmatch(shm_prefix) is None:
        raise SegmentError(
            f"runtime.shm_prefix: {shm_prefix!r} is not usable; use 1 to 64 letters, digits, '_' or '-' (no dot)"
        )
    if _NAME_PATTERN.fullmatch(name) is None:
        raise SegmentError(f"segment name {name!r} is not usable; use letters, digits, '.', '_' or '-'")
    return f"{SHM_DIRECTORY}/{shm_prefix}.{name}"


def list_segments(str shm_prefix) -> list:
    """Paths of all segments of a prefix, unfinished ones included, sorted."""
    segment_path(shm_prefix, "any")  # refuses a prefix that could match another stack's segments
    start = f"{shm_prefix}."
    return sorted(f"{SHM_DIRECTORY}/{entry}" for entry in os.listdir(SHM_DIRECTORY) if entry.startswith(start))


def remove_segments(str shm_prefix) -> list:
    """Unlinks all segments of a prefix and returns their paths. For `down` and tests: no role may run any more."""
    removed = []
    for path in list_segments(shm_prefix):
        try:
            os.unlink(path)
        except FileNotFoundError:
            continue
        removed.append(path)
    return removed


cdef class Segment:
    def __cinit__(self):
        self.silent_after_ns = 1_000_000_000
        self.probe_interval_ns = 20_000_000
        self._probed_alive = True

    def __init__(self):
        raise TypeError("use create_segment or attach_segment")

    def __dealloc__(self):
        if self.base != NULL:
            munmap(self.base, self.size)
            self.base = NULL

    cdef int producer_state(self, int64_t now_ns) noexcept nogil:
        cdef uint32_t state = load_acquire_u32(&self.header.state)
        if state == SEGMENT_SUPERSEDED:
            return PRODUCER_SUPERSEDED
        if state == SEGMENT_CLOSED:
            return PRODUCER_CLOSED
        if self._probed_alive and now_ns - self._probed_ns >= self.probe_interval_ns:
            self._probed_ns = now_ns
            self._probed_alive = process_alive(self.header.producer_pid, self.header.producer_start)
            if not self._probed_alive:
                # It may have closed in order between the two looks.
                state = load_acquire_u32(&self.header.state)
                if state == SEGMENT_SUPERSEDED:
                    return PRODUCER_SUPERSEDED
                if state == SEGMENT_CLOSED:
                    return PRODUCER_CLOSED
        if not self._probed_alive:
            return PRODUCER_DEAD
        if now_ns - load_acquire_i64(&self.header.heartbeat_ns) > self.silent_after_ns:
            return PRODUCER_SILENT
        return PRODUCER_ALIVE

    cdef void mark_closed(self) noexcept nogil:
        # Never over SUPERSEDED: consumers of the old segment must keep seeing that there is a new one.
        if self.owner:
            compare_exchange_u32(&self.header.state, SEGMENT_LIVE, SEGMENT_CLOSED)

    def liveness(self) -> ProducerState:
        """State of the producer now (cached for probe_interval_ns)."""
        return ProducerState(self.producer_state(monotonic_ns()))

    def beat(self) -> None:
        """Stores a heartbeat. Raises SegmentError when this process is not the producer."""
        if not self.owner:
            raise SegmentError(f"{self.path}: only its producer may store a heartbeat")
        self.heartbeat(monotonic_ns())

    @property
    def epoch(self) -> int:
        return self.header.epoch

    @property
    def capacity(self) -> int:
        return self.header.capacity

    @property
    def slot_size(self) -> int:
        return self.header.slot_size

    @property
    def instance(self) -> int:
        return self.header.instance

    @property
    def producer_pid(self) -> int:
        return self.header.producer_pid

    @property
    def producer_start_ticks(self) -> int:
        return self.header.producer_start

    @property
    def created_wall_ns(self) -> int:
        return self.header.created_wall_ns

    @property
    def heartbeat_ns(self) -> int:
        return load_acquire_i64(&self.header.heartbeat_ns)

    @property
    def symbol(self) -> str:
        """The instrument it is about; "" = about none."""
        return self.header.symbol[:8].decode("ascii", "replace").rstrip()

    def is_current(self) -> bool:
        """Whether the path still leads to this very segment."""
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        return found.st_ino == self.inode and found.st_dev == self.device


cdef _map(Segment segment, int fd, size_t size, bint writable):
    cdef int protection = PROT_READ | PROT_WRITE if writable else PROT_READ
    cdef void *base
    with nogil:
        base = mmap(NULL, size, protection, MAP_SHARED | MAP_POPULATE, fd, 0)
    if base == MAP_FAILED:
        raise SegmentError(f"{segment.path}: cannot be mapped ({strerror(errno).decode()})")
    segment.base = <char *>base
    segment.size = size
    segment.header = <SegmentHeader *>base


cdef _remember_file(Segment segment, int fd):
    found = os.fstat(fd)
    segment.device = found.st_dev
    segment.inode = found.st_ino
    return found


cdef Segment create_segment(
    str shm_prefix, str name, uint32_t kind, uint32_t slot_size, uint64_t capacity, size_t size, uint32_t epoch
):
    """A new segment of `size` bytes, zeroed, in state INIT under a temporary name. publish_segment() makes it visible."""
    cdef Segment segment = Segment.__new__(Segment)
    cdef int fd
    segment.path = segment_path(shm_prefix, name)
    segment.owner = True
    temporary = _temporary_path(segment.path)
    # Roles may run as users of one group: all may read, and write only rings, where a consumer has its cursor. So a
    # strategy cannot change limits, position or top of book. The umask takes from it what one user alone needs not.
    mode = 0o660 if kind == KIND_RING else 0o640
    try:
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as error:
        raise SegmentError(f"{temporary}: cannot be created ({error.strerror})") from error
    try:
        # A sparse file on a full tmpfs would kill the process with SIGBUS at the first store instead.
        os.posix_fallocate(fd, 0, size)
        _remember_file(segment, fd)
        _map(segment, fd, size, True)
    except OSError as error:
        os.unlink(temporary)
        raise SegmentError(f"{temporary}: {size} bytes cannot be reserved ({error.strerror}); free space in /dev/shm") from error
    except SegmentError:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    segment.header.version = SEGMENT_VERSION
    segment.header.kind = kind
    segment.header.slot_size = slot_size
    segment.header.data_offset = SEGMENT_DATA_OFFSET
    segment.header.capacity = capacity
    segment.header.size = size
    segment.header.instance = <uint64_t>monotonic_ns()
    segment.header.created_wall_ns = realtime_ns()
    segment.header.producer_start = own_start_ticks()
    segment.header.producer_pid = getpid()
    segment.header.epoch = epoch
    memset(segment.header.symbol, c' ', sizeof(segment.header.symbol))
    segment.header.magic = SEGMENT_MAGIC
    return segment


cdef name_instrument(Segment segment, str symbol):
    """Before publish_segment. Raises ValueError for a symbol that the header cannot carry."""
    cdef bytes text = symbol.encode("ascii", "replace").ljust(sizeof(segment.header.symbol))
    if len(text) > <Py_ssize_t>sizeof(segment.header.symbol):
        os.unlink(_temporary_path(segment.path))
        raise ValueError(f"instrument.symbol {symbol!r} has more than {sizeof(segment.header.symbol)} characters")
    memcpy(segment.header.symbol, <const char *>text, sizeof(segment.header.symbol))


cdef require_instrument(Segment segment, str symbol):
    if segment.symbol != symbol:
        name = os.path.basename(segment.path).partition(".")[2]
        raise WrongInstrument(f"{name} is for {segment.symbol or 'no instrument'}, this role trades {symbol or 'none'}")


cdef publish_segment(Segment segment):
    """Marks what is at the path SUPERSEDED and puts the new segment there, LIVE and complete."""
    segment.heartbeat(monotonic_ns())
    store_release_u32(&segment.header.state, SEGMENT_LIVE)
    temporary = _temporary_path(segment.path)
    try:
        _supersede(segment.path)
        os.rename(temporary, segment.path)
    except OSError as error:
        os.unlink(temporary)
        raise SegmentError(
            f"{segment.path}: cannot be replaced ({error.strerror}); it may belong to another user: `make down` there first"
        ) from error


def _temporary_path(str path) -> str:
    return f"{path}.tmp.{os.getpid()}"


cdef _supersede(str path):
    cdef Segment old = Segment.__new__(Segment)
    cdef uint32_t state
    cdef int fd
    old.path = path
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        found = os.fstat(fd)
        if not stat_module.S_ISREG(found.st_mode) or found.st_size < SEGMENT_DATA_OFFSET:
            return
        _map(old, fd, SEGMENT_DATA_OFFSET, True)
    finally:
        os.close(fd)
    if old.header.magic == SEGMENT_MAGIC:   # the state word has had its place in every version
        store_release_u32(&old.header.state, SEGMENT_SUPERSEDED)


cdef Segment attach_segment(str shm_prefix, str name, uint32_t kind, uint32_t slot_size, bint writable):
    """Maps and validates the segment of that name. slot_size 0 accepts any.

    Raises SegmentMissing when there is none (yet), SegmentError when it must not be used.
    """
    cdef Segment segment = Segment.__new__(Segment)
    cdef SegmentHeader *header
    cdef int fd
    cdef size_t size
    segment.path = path = segment_path(shm_prefix, name)
    try:
        fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise SegmentMissing(f"{path}: no such segment; the role that produces it has not started") from error
    except OSError as error:
        raise SegmentError(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        found = _remember_file(segment, fd)
        size = found.st_size
        if not stat_module.S_ISREG(found.st_mode) or size < SEGMENT_DATA_OFFSET:
            raise SegmentError(f"{path}: {size} bytes, too short for a segment; remove it and restart its producer")
        _map(segment, fd, size, writable)
    finally:
        os.close(fd)
    header = segment.header
    if header.magic != SEGMENT_MAGIC:
        raise SegmentError(f"{path}: magic {header.magic:#018x} is not a segment's; remove the file and restart its producer")
    if header.version != SEGMENT_VERSION:
        raise SegmentError(
            f"{path}: layout version {header.version}, this build reads {SEGMENT_VERSION}; run producer and consumer from one build"
        )
    if header.kind != kind:
        raise SegmentError(f"{path}: a {_KIND_NAMES.get(header.kind, header.kind)}, expected a {_KIND_NAMES[kind]}")
    if slot_size != 0 and header.slot_size != slot_size:
        raise SegmentError(
            f"{path}: slot size {header.slot_size}, expected {slot_size}; run producer and consumer from one build"
        )
    if header.size != size or header.data_offset != SEGMENT_DATA_OFFSET:
        raise SegmentError(f"{path}: file is {size} bytes, its header says {header.size}; remove it and restart its producer")
    if load_acquire_u32(&header.state) in (SEGMENT_INIT, SEGMENT_SUPERSEDED):
        raise SegmentMissing(f"{path}: its producer is being replaced; try again")
    return segment


cdef Segment attach_successor(Segment segment, str shm_prefix, str name, uint32_t kind, uint32_t slot_size, bint writable):
    """The segment that replaced `segment` at its path, None when there is none yet. Raises SegmentError as attach does."""
    if segment.is_current():
        return None
    try:
        return attach_segment(shm_prefix, name, kind, slot_size, writable)
    except SegmentMissing:
        return None
