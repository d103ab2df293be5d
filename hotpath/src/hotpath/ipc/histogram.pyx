from math import ceil

from libc.stdint cimport INT64_MAX
from libc.string cimport memcpy

cdef extern from "<string.h>" nogil:
    size_t strnlen(const char *text, size_t limit) noexcept

from hotpath.ipc.atomics cimport load_acquire_u64, load_relaxed_i64, load_relaxed_u64
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.segment cimport (
    KIND_HISTOGRAM,
    SEGMENT_DATA_OFFSET,
    Segment,
    attach_segment,
    attach_successor,
    create_segment,
    publish_segment,
)

from hotpath.ipc.segment import ProducerState, SegmentError

#: A percentile p satisfies exact <= p <= exact * (1 + RELATIVE_ERROR) for values below MAX_VALUE_NS.
RELATIVE_ERROR = 1.0 / (1 << HISTOGRAM_SUB_BITS)
MAX_VALUE_NS = (1 << 40) - 1


class HistogramError(Exception):
    """Snapshots that do not belong together."""


cdef int64_t _lowest(int bucket) noexcept nogil:
    """Smallest value counted in a bucket."""
    cdef int shift
    if bucket < (2 << HISTOGRAM_SUB_BITS):
        return bucket
    shift = (bucket >> HISTOGRAM_SUB_BITS) - 1
    return <int64_t>(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift


cdef int64_t _highest(int bucket) noexcept nogil:
    return _lowest(bucket + 1) - 1


def bucket_of(int64_t ns) -> int:
    """Index of the bucket that counts a value of 0 or more."""
    if ns < 0:
        raise ValueError(f"{ns} ns has no bucket; values start at 0")
    return histogram_bucket(<uint64_t>ns)


def bucket_bounds(int bucket) -> tuple:
    """Lowest and highest value (ns) of a bucket."""
    if not 0 <= bucket < HISTOGRAM_BUCKETS:
        raise ValueError(f"bucket {bucket} is outside 0..{HISTOGRAM_BUCKETS - 1}")
    return _lowest(bucket), _highest(bucket)


cdef class HistogramWriter:
    def __cinit__(self, str shm_prefix, str name, object names, unsigned int epoch = 0):
        cdef Segment segment
        cdef bytes encoded
        cdef int i
        self.names = tuple(names)
        if not 1 <= len(self.names) <= HISTOGRAM_MAX_COUNT or len(set(self.names)) != len(self.names):
            raise SegmentError(f"histograms {name}: give 1 to {HISTOGRAM_MAX_COUNT} different names, got {self.names}")
        for label in self.names:
            if not 1 <= len(label.encode()) < HISTOGRAM_NAME_SIZE:
                raise SegmentError(f"histograms {name}: name {label!r} must have 1 to {HISTOGRAM_NAME_SIZE - 1} bytes")
        segment = create_segment(
            shm_prefix,
            name,
            KIND_HISTOGRAM,
            sizeof(HistogramBlock),
            len(self.names),
            SEGMENT_DATA_OFFSET + sizeof(HistogramBlock) * len(self.names),
            epoch,
        )
        self.segment = segment
        self._blocks = <HistogramBlock *>(segment.base + SEGMENT_DATA_OFFSET)
        self._count = len(self.names)
        for i in range(self._count):
            encoded = self.names[i].encode()
            memcpy(self._blocks[i].name, <const char *>encoded, len(encoded))
            self._blocks[i].minimum = INT64_MAX
            self._blocks[i].maximum = -1
        publish_segment(segment)

    cdef void mark_closed(self) noexcept nogil:
        self.segment.mark_closed()

    def index(self, str name) -> int:
        """Index for record(). Raises KeyError."""
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"{name!r} is not one of the histograms {self.names}") from None

    def record_ns(self, int index, int64_t ns) -> None:
        """record() for Python; raises IndexError for an index that is not there."""
        if not 0 <= index < self._count:
            raise IndexError(f"histogram {index} of {self._count}")
        self.record(index, ns)

    def beat(self) -> None:
        self.heartbeat(monotonic_ns())

    def close(self) -> None:
        self.mark_closed()


cdef class HistogramSnapshot:
    def __cinit__(self):
        self._minimum = INT64_MAX
        self._maximum = -1
        self.name = ""

    @property
    def minimum(self) -> int | None:
        """Smallest value, ns; of a difference it may be a bucket bound. None = nothing recorded."""
        return self._minimum if self.count else None

    @property
    def maximum(self) -> int | None:
        return self._maximum if self.count else None

    @property
    def mean(self) -> float | None:
        return <double>self.sum / <double>self.count if self.count else None

    def percentile(self, double percent) -> int | None:
        """Smallest recorded value, ns, that at least `percent` % of the values do not exceed; None = nothing recorded.

        Rounded up within its bucket: at most RELATIVE_ERROR too high, exact below 256 ns, never above the maximum.
        """
        cdef uint64_t rank, seen = 0
        cdef int i
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"percentile {percent} is outside 0..100")
        if self.count == 0:
            return None
        rank = min(max(1, ceil(percent * self.count / 100.0)), self.count)
        for i in range(HISTOGRAM_BUCKETS):
            seen += self._counts[i]
            if seen >= rank:
                if i == HISTOGRAM_BUCKETS - 1 and self.overflow:
                    return self._maximum
                return max(min(_highest(i), self._maximum), self._minimum)
        return self._maximum

    def count_at_most(self, int64_t ns) -> int:
        """Values counted in buckets up to and including the one of `ns`; cumulative bucket of an exporter."""
        cdef uint64_t seen = 0
        cdef int i
        if ns < 0:
            return 0
        for i in range(histogram_bucket(<uint64_t>ns) + 1):
            seen += self._counts[i]
        return seen

    def buckets(self) -> list:
        """(lowest ns, highest ns, count) of each bucket that is not empty."""
        cdef int i
        return [(_lowest(i), _highest(i), self._counts[i]) for i in range(HISTOGRAM_BUCKETS) if self._counts[i] != 0]

    def subtract(self, HistogramSnapshot base not None) -> HistogramSnapshot:
        """What was recorded after `base`. Raises HistogramError when base is not an earlier state of the same histogram."""
        cdef HistogramSnapshot result = HistogramSnapshot.__new__(HistogramSnapshot)
        cdef int i
        if base.instance != self.instance or base.name != self.name:
            raise HistogramError(
                f"{self.name}: the base snapshot is of {base.name!r} in another segment instance; its writer restarted"
            )
        if base.negative > self.negative or base.overflow > self.overflow:
            raise HistogramError(f"{self.name}: the base snapshot is the later one")
        result.instance = self.instance
        result.name = self.name
        result.negative = self.negative - base.negative
        result.overflow = self.overflow - base.overflow
        result.sum = self.sum - base.sum if self.sum >= base.sum else 0
        for i in range(HISTOGRAM_BUCKETS):
            if base._counts[i] > self._counts[i]:
                raise HistogramError(f"{self.name}: the base snapshot is the later one")
            result._counts[i] = self._counts[i] - base._counts[i]
            if result._counts[i] != 0:
                result.count += result._counts[i]
                if result._minimum == INT64_MAX:
                    result._minimum = max(_lowest(i), self._minimum)
                result._maximum = min(_highest(i), self._maximum)
        if result.count != 0:
            # A new extreme is exact; an old one may belong to the base, so the bucket bound stands.
            if self._maximum > base._maximum:
                result._maximum = self._maximum
            if self._minimum < base._minimum:
                result._minimum = self._minimum
        return result

    def since(self, HistogramSnapshot base) -> HistogramSnapshot:
        """subtract(), but after a restart of the writer (or without a base) everything it recorded since that start."""
        if base is None or base.instance != self.instance:
            return self
        return self.subtract(base)

    def merge(self, HistogramSnapshot other not None) -> HistogramSnapshot:
        """Both together."""
        cdef HistogramSnapshot result = HistogramSnapshot.__new__(HistogramSnapshot)
        cdef int i
        result.name = self.name
        result.count = self.count + other.count
        result.sum = self.sum + other.sum
        result.negative = self.negative + other.negative
        result.overflow = self.overflow + other.overflow
        result._minimum = min(self._minimum, other._minimum)
        result._maximum = max(self._maximum, other._maximum)
        for i in range(HISTOGRAM_BUCKETS):
            result._counts[i] = self._counts[i] + other._counts[i]
        return result

    def summary(self) -> dict:
        """JSON-able summary, ns; null where nothing was recorded."""
        return {
            "name": self.name,
            "count": self.count,
            "sum_ns": self.sum,
            "min_ns": self.minimum,
            "max_ns": self.maximum,
            "mean_ns": self.mean,
            "p50_ns": self.percentile(50),
            "p90_ns": self.percentile(90),
            "p99_ns": self.percentile(99),
            "p999_ns": self.percentile(99.9),
            "negative": self.negative,
            "overflow": self.overflow,
        }


cdef HistogramSnapshot _copy(HistogramBlock *block, uint64_t instance, str name):
    cdef HistogramSnapshot snapshot = HistogramSnapshot.__new__(HistogramSnapshot)
    cdef int i
    snapshot.instance = instance
    snapshot.name = name
    for i in range(HISTOGRAM_BUCKETS):
        snapshot._counts[i] = load_acquire_u64(&block.counts[i])
        snapshot.count += snapshot._counts[i]
    # Read after the counts: they cover every counted value and perhaps one more.
    snapshot.negative = load_relaxed_u64(&block.negative)
    snapshot.overflow = load_relaxed_u64(&block.overflow)
    snapshot.sum = load_relaxed_u64(&block.sum)
    snapshot._minimum = load_relaxed_i64(&block.minimum)
    snapshot._maximum = load_relaxed_i64(&block.maximum)
    return snapshot


cdef class HistogramReader:
    def __cinit__(self, str shm_prefix, str name):
        self.shm_prefix = shm_prefix
        self.name = name
        self._bind(attach_segment(shm_prefix, name, KIND_HISTOGRAM, sizeof(HistogramBlock), False))

    cdef object _bind(self, Segment segment):
        cdef HistogramBlock *blocks = <HistogramBlock *>(segment.base + SEGMENT_DATA_OFFSET)
        cdef uint64_t capacity = segment.header.capacity
        cdef uint64_t i
        if capacity > HISTOGRAM_MAX_COUNT or segment.size != SEGMENT_DATA_OFFSET + capacity * sizeof(HistogramBlock):
            raise SegmentError(f"{segment.path}: {capacity} histograms do not fit its size; restart its writer")
        names = []
        for i in range(capacity):
            names.append(blocks[i].name[: strnlen(blocks[i].name, HISTOGRAM_NAME_SIZE)].decode())
        self.segment = segment
        self._blocks = blocks
        self.names = tuple(names)

    def snapshot(self, str name) -> HistogramSnapshot:
        """Copy of one histogram. Raises KeyError for a name that is not there."""
        if name not in self.names:
            raise KeyError(f"{name!r} is not one of the histograms {self.names} in {self.segment.path}")
        return _copy(&self._blocks[<int>self.names.index(name)], self.segment.header.instance, name)

    def snapshots(self) -> dict:
        """Copies of all histograms by name."""
        return {name: self.snapshot(name) for name in self.names}

    def reattach(self) -> bool:
        """Moves to the segment that superseded this one; False = there is none yet. Raises SegmentError as attaching does."""
        cdef Segment segment = attach_successor(
            self.segment, self.shm_prefix, self.name, KIND_HISTOGRAM, sizeof(HistogramBlock), False
        )
        if segment is None:
            return False
        self._bind(segment)
        return True

    def liveness(self) -> ProducerState:
        return self.segment.liveness()
