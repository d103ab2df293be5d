"""The venue's two ends of tick to order on one spinning thread: MoldUDP64 out on two lines, OUCH in over SoupBinTCP.

Open loop: message i of a batch is due at start + i / rate, whatever happened to those before it. What is due when the
loop comes round goes out as one packet, as venues do it. Latency counts from the time a trigger was due to the time
its order had been read from the socket. An order that never comes counts with the time until the end of the wait.
"""
cimport cython
from libc.errno cimport EAGAIN
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from benchmarks.native.samples cimport Samples
from benchmarks.native.tick_flow cimport (
    ASK_TICK, CYCLE, MAX_NUMBER, PLAIN, TICK, TRIGGER, TickFlow,
)
from hotpath.ipc.atomics cimport cpu_relax
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.journal cimport JournalReader
from hotpath.ipc.messages cimport EVENT_NEW_SENT, OrderEvent
from hotpath.net.sockets cimport (
    InetAddress, close_socket, inet_address, set_quickack, set_send_buffer, tcp_recv, tcp_send, udp_bind, udp_recvfrom,
    udp_sendto,
)
from hotpath.protocols.moldudp64 cimport (
    MoldBuilder, MoldHeader, mold_builder_add, mold_builder_begin, mold_builder_finish, mold_builder_init,
    mold_decode_request, mold_encode_heartbeat, mold_same_session,
)
from hotpath.protocols.ouch cimport (
    OUCH_BUY, OUCH_CANCEL_IOC_REMAINDER, OUCH_IN_ENTER_ORDER, OUCH_TIF_IOC, OuchInEnterOrder, OuchOutOrderAccepted,
    OuchOutOrderCanceled, ouch_decode_in_enter_order, ouch_encode_out_order_accepted, ouch_encode_out_order_canceled,
)
from hotpath.protocols.soupbintcp cimport (
    SOUP_HEADER_LENGTH, SOUP_MAX_PACKET, SOUP_SEQUENCED_DATA, SOUP_SERVER_HEARTBEAT, SOUP_UNSEQUENCED_DATA, SoupFramer,
    SoupPacket, soup_encode_header, soup_encode_packet, soup_framer_init, soup_framer_next, soup_framer_received,
    soup_framer_reset, soup_framer_space,
)

cdef extern from "<sched.h>" nogil:
    int sched_yield()

cdef enum:
    PACKET_BYTES = 1400
    OUT_BYTES = 1 << 20
    REPLY_BYTES = 256             # more than both answers to an order, framed
    STAMPS = 3                    # of tick_taker
    REREQUEST_PASSES = 4096       # passes between two looks at the re-request socket

cdef int64_t SECOND = 1_000_000_000
cdef int64_t REPLY_SLACK_NS = 15_000     # answers go out at once unless the next message is due sooner than this
cdef int64_t REPLY_LATEST_NS = 200_000

STAGES = (
    "generator",      # due -> handed to the kernel: the load generator's own lateness
    "udp",            # -> read by the feed handler
    "wire to book",   # -> book event published
    "book to intent", # -> the strategy's callback, which writes the intent
    "intent to wire", # -> about to be sent: ring, risk gate, encoding
    "tcp",            # -> journal append, send, read by the venue
)

cdef struct Trigger:
    int64_t due_ns
    int64_t sent_ns
    int64_t arrived_ns            # 0 = no order yet
    int64_t router_ns             # when the router sent it, from its journal; 0 = unknown


cdef class TickVenue:
    cdef TickFlow flow
    cdef Samples samples
    cdef list stage_samples
    cdef char session[10]
    cdef InetAddress lines[2]
    cdef int line_count
    cdef int udp
    cdef int tcp                  # not ours to close
    cdef int rerequest            # nor this
    cdef uint64_t next_sequence
    cdef uint64_t batch_sequence  # of the batch's first message
    cdef uint32_t sent            # messages of the batch
    cdef int64_t start_ns
    cdef int64_t rate
    cdef bint polite              # shares its CPU: yields it when there is nothing to do
    cdef Trigger* triggers
    cdef uint32_t trigger_at      # next one to be sent
    cdef uint32_t warm_triggers
    cdef uint32_t answered        # measured ones
    cdef int64_t last_arrival_ns
    cdef int64_t ended_ns
    cdef int64_t reply_due_ns
    cdef readonly uint64_t wrong          # orders that do not say what their trigger asks for, or say it twice
    cdef readonly uint64_t strangers      # messages that are no orders
    cdef readonly uint64_t late           # orders for triggers of an earlier batch
    cdef readonly uint64_t resent         # messages that were asked for again
    cdef readonly uint64_t busy           # packets or answers that the kernel did not take at once
    cdef readonly bint closed             # the other side ended the order session
    cdef uint64_t orders                  # ever accepted
    cdef SoupFramer framer
    cdef uint8_t* in_buffer
    cdef uint8_t* out
    cdef size_t out_head
    cdef size_t out_tail
    cdef uint8_t packet[2048]

    def __cinit__(self, TickFlow flow not None, bytes session, list lines):
        cdef InetAddress anywhere
        if len(session) != 10 or not 1 <= len(lines) <= 2:
            raise ValueError("TickVenue: a session has 10 characters, and there are one or two lines")
        self.udp = self.tcp = self.rerequest = -1
        self.flow = flow
        memcpy(self.session, <const char*>session, 10)
        self.line_count = len(lines)
        for i, (host, port) in enumerate(lines):
            if inet_address(&self.lines[i], host.encode(), port) < 0:
                raise ValueError(f"{host}:{port} is not an address and port")
        inet_address(&anywhere, b"0.0.0.0", 0)
        self.udp = udp_bind(&anywhere)
        if self.udp < 0:
            raise OSError(-self.udp, "UDP socket")
        set_send_buffer(self.udp, 8 << 20)
        self.in_buffer = <uint8_t*>calloc(1, SOUP_MAX_PACKET)
        self.out = <uint8_t*>calloc(1, OUT_BYTES)
        self.triggers = <Trigger*>calloc(flow.capacity // CYCLE + 2, sizeof(Trigger))
        if not (self.in_buffer and self.out and self.triggers):
            raise MemoryError("TickVenue: no memory for its buffers")
        self.samples = Samples(flow.capacity // CYCLE + 2)
        self.stage_samples = [Samples(flow.capacity // CYCLE + 2) for _ in STAGES]
        soup_framer_init(&self.framer, self.in_buffer, SOUP_MAX_PACKET)
        self.next_sequence = 1

    def __dealloc__(self):
        close_socket(&self.udp)
        free(self.in_buffer)
        free(self.out)
        free(self.triggers)

    # ---- the Python edge

    def publish(self, list messages not None):
        """Send these at once, as few packets as will hold them."""
        cdef MoldBuilder builder
        cdef const uint8_t[::1] view
        mold_builder_init(&builder, self.packet, PACKET_BYTES, self.session, self.next_sequence)
        for message in messages:
            view = message
            if mold_builder_add(&builder, &view[0], view.shape[0]) < 0:
                self._send_packet(&builder)
                mold_builder_add(&builder, &view[0], view.shape[0])
        self._send_packet(&builder)

    def heartbeat(self):
        """On the lines and, once there is one, on the order session."""
        self._heartbeats()
        self._flush()

    def trade(self, int connection, int rerequest):
        """The order session is up: from now on its connection, and the re-request socket, are read here."""
        self.tcp = connection
        self.rerequest = rerequest
        self.closed = False
        soup_framer_reset(&self.framer)

    def drain(self, int quiet_ms, int limit_ms):
        """Read orders until none has come for quiet_ms; False when they still come after limit_ms."""
        cdef int64_t now = monotonic_ns()
        cdef int64_t limit = now + limit_ms * 1_000_000
        cdef int64_t heard = now
        with nogil:
            while now < limit and now - heard < quiet_ms * <int64_t>1_000_000:
                now = monotonic_ns()
                if self._receive():
                    heard = now
                self._flush()
                self._answer_requests()
                cpu_relax()
        return now < limit

    def run(self, int64_t rate, uint32_t warm_up, int grace_ms, bint polite):
        """Send the flow's batch at `rate` messages a second, take the orders, and wait up to grace_ms for the last.

        The first warm_up messages are not measured. Returns what was counted.
        """
        cdef uint32_t i
        if not 1 <= rate <= 10_000_000 or warm_up >= self.flow.count:
            raise ValueError(f"rate {rate}, warm_up {warm_up} of {self.flow.count} messages")
        if self.flow.triggers >= MAX_NUMBER:
            raise ValueError(f"{self.flow.triggers} triggers in a batch: fewer than {MAX_NUMBER} have numbers of their own")
        self.rate = rate
        self.polite = polite
        self.batch_sequence = self.next_sequence
        self.sent = self.trigger_at = self.answered = self.warm_triggers = 0
        for i in range(warm_up):
            self.warm_triggers += self.flow.kinds[i] == TRIGGER
        memset(self.triggers, 0, self.flow.triggers * sizeof(Trigger))
        self.wrong = self.strangers = self.late = self.resent = self.busy = 0
        self.last_arrival_ns = 0
        with nogil:
            self._run(grace_ms * <int64_t>1_000_000)
        cdef int64_t measured = self.flow.triggers - self.warm_triggers
        cdef int64_t first_due = self.start_ns + warm_up * SECOND // rate
        return {
            "orders": self.answered,
            "wanted": measured,
            "unanswered": measured - self.answered,
            "messages": self.sent - warm_up,
            "ns": max(self.last_arrival_ns - first_due, 1),
            "wrong": self.wrong,
            "strangers": self.strangers,
            "late": self.late,
            "resent": self.resent,
            "busy": self.busy,
        }

    def latencies(self):
        """ns by the names of QUANTILES, of the last run."""
        cdef uint32_t i
        cdef Trigger* trigger
        self.samples.clear()
        for i in range(self.warm_triggers, self.flow.triggers):
            trigger = &self.triggers[i]
            self.samples.record((trigger.arrived_ns if trigger.arrived_ns else self.ended_ns) - trigger.due_ns)
        return self.samples.percentiles()

    def stages(self, const int64_t[::1] stamps not None, JournalReader journal not None):
        """(stages, figures) of the last run's orders for which every stamp is known; ({}, {}) when there is none.

        stages: by the names of STAGES, ns by the names of QUANTILES and `mean`; figures: the sum of those means, and the
        mean of the whole over the same orders. The router's journal tells when it sent an order.
        """
        cdef const OrderEvent* event
        cdef int64_t parts[6]
        cdef int64_t sums[6]
        cdef int64_t whole = 0
        cdef int64_t orders = 0
        cdef int64_t at, numbers = stamps.shape[0] // STAMPS
        cdef uint32_t i
        cdef int k
        cdef Trigger* trigger
        cdef Samples samples
        memset(sums, 0, sizeof(sums))
        for samples in self.stage_samples:
            samples.clear()
        while True:
            event = <const OrderEvent*>journal.poll()
            if event == NULL:
                break
            if event.kind == EVENT_NEW_SENT:
                trigger = self._trigger(<uint32_t>event.quantity)
                if trigger != NULL:
                    trigger.router_ns = event.sent_ns
        for i in range(self.warm_triggers, self.flow.triggers):
            trigger = &self.triggers[i]
            at = (1 + <int64_t>((self.flow.first_trigger + i) % MAX_NUMBER)) * STAMPS
            if not trigger.arrived_ns or not trigger.router_ns or at + 2 >= numbers * STAMPS or not stamps[at]:
                continue
            parts[0] = trigger.sent_ns - trigger.due_ns
            parts[1] = stamps[at] - trigger.sent_ns
            parts[2] = stamps[at + 1] - stamps[at]
            parts[3] = stamps[at + 2] - stamps[at + 1]
            parts[4] = trigger.router_ns - stamps[at + 2]
            parts[5] = trigger.arrived_ns - trigger.router_ns
            for k in range(6):
                sums[k] += parts[k]
                samples = self.stage_samples[k]
                samples.record(parts[k])
            whole += trigger.arrived_ns - trigger.due_ns
            orders += 1
        if orders == 0:
            return {}, {}
        means = [<double>sums[k] / orders for k in range(6)]
        stages = {}
        for k, name in enumerate(STAGES):
            samples = self.stage_samples[k]
            stages[name] = {**samples.percentiles(), "mean": round(means[k])}
        return stages, {"orders_by_stage": orders, "sum_of_stage_means_ns": sum(means),
                        "mean_of_whole_ns": <double>whole / orders}

    # ---- the loop

    cdef void _run(self, int64_t grace_ns) noexcept nogil:
        cdef int64_t now, due = 0, heartbeat_ns
        cdef uint32_t passes = 0
        cdef bint worked
        self.start_ns = heartbeat_ns = monotonic_ns() + 100_000
        self.ended_ns = self.start_ns + self.flow.count * SECOND // self.rate + grace_ns
        while True:
            worked = False
            now = monotonic_ns()
            if self.sent < self.flow.count:
                due = self.start_ns + self.sent * SECOND // self.rate
                if due <= now:
                    self._send_due(now)
                    worked = True
            elif now >= self.ended_ns or self.answered == self.flow.triggers - self.warm_triggers or self.closed:
                break
            worked |= self._receive()
            if self.out_head != self.out_tail and (
                    self.sent == self.flow.count or due - now > REPLY_SLACK_NS or now > self.reply_due_ns):
                self._flush()
            passes += 1
            if passes % REREQUEST_PASSES == 0:
                self._answer_requests()
                if now - heartbeat_ns > SECOND:
                    heartbeat_ns = now
                    self._heartbeats()
            if not worked:
                if self.polite:
                    sched_yield()
                else:
                    cpu_relax()
        self._flush()
        self.ended_ns = now

    cdef void _send_due(self, int64_t now) noexcept nogil:
        """One packet of what is due; a trigger and its end close the packet."""
        cdef MoldBuilder builder
        cdef uint32_t i = self.sent
        cdef uint32_t first_trigger = self.trigger_at
        cdef int64_t due, sent_ns
        cdef uint8_t kind
        mold_builder_init(&builder, self.packet, PACKET_BYTES, self.session, self.next_sequence)
        while i < self.flow.count:
            due = self.start_ns + i * SECOND // self.rate
            if due > now:
                break
            if mold_builder_add(&builder, self.flow.data + self.flow.offsets[i],
                                self.flow.offsets[i + 1] - self.flow.offsets[i]) < 0:
                break
            kind = self.flow.kinds[i]
            i += 1
            if kind == TRIGGER:
                self.triggers[self.trigger_at].due_ns = due
                self.trigger_at += 1
            if kind != PLAIN:
                break
        sent_ns = monotonic_ns()
        while first_trigger < self.trigger_at:
            self.triggers[first_trigger].sent_ns = sent_ns
            first_trigger += 1
        self.sent = i
        self._send_packet(&builder)

    cdef void _send_packet(self, MoldBuilder* builder) noexcept nogil:
        cdef int i
        cdef int size = mold_builder_finish(builder)
        for i in range(self.line_count):
            if udp_sendto(self.udp, builder.data, <size_t>size, &self.lines[i]) != size:
                self.busy += 1
        self.next_sequence += builder.count
        mold_builder_begin(builder, self.next_sequence)

    cdef void _heartbeats(self) noexcept nogil:
        cdef uint8_t packet[64]
        cdef int i
        cdef int size = mold_encode_heartbeat(self.session, self.next_sequence, packet, sizeof(packet))
        for i in range(self.line_count):
            udp_sendto(self.udp, packet, <size_t>size, &self.lines[i])
        if self.tcp >= 0 and OUT_BYTES - self.out_tail > REPLY_BYTES:
            self.out_tail += <size_t>soup_encode_packet(SOUP_SERVER_HEARTBEAT, NULL, 0, self.out + self.out_tail,
                                                        REPLY_BYTES)

    cdef void _answer_requests(self) noexcept nogil:
        """Messages of the present batch that were lost on both lines."""
        cdef uint8_t request[64]
        cdef uint8_t packet[2048]
        cdef InetAddress asker
        cdef MoldHeader wanted
        cdef MoldBuilder builder
        cdef uint64_t index
        cdef int size
        cdef Py_ssize_t received
        if self.rerequest < 0:
            return
        received = udp_recvfrom(self.rerequest, request, sizeof(request), &asker)
        if received <= 0 or mold_decode_request(request, <size_t>received, &wanted) < 0:
            return
        if not mold_same_session(wanted.session, self.session) or wanted.sequence_number < self.batch_sequence:
            return
        mold_builder_init(&builder, packet, PACKET_BYTES, self.session, wanted.sequence_number)
        index = wanted.sequence_number - self.batch_sequence
        while wanted.message_count and index < self.sent:
            if mold_builder_add(&builder, self.flow.data + self.flow.offsets[index],
                                self.flow.offsets[index + 1] - self.flow.offsets[index]) < 0:
                break
            index += 1
            wanted.message_count -= 1
            self.resent += 1
        size = mold_builder_finish(&builder)
        udp_sendto(self.rerequest, packet, <size_t>size, &asker)

    cdef bint _receive(self) noexcept nogil:
        cdef uint8_t* where
        cdef size_t space
        cdef Py_ssize_t count
        cdef SoupPacket packet
        cdef int64_t now
        if self.tcp < 0 or self.closed:
            return False
        space = soup_framer_space(&self.framer, &where)
        count = tcp_recv(self.tcp, where, space)
        if count <= 0:
            if count != -EAGAIN:
                self.closed = True
            return False
        now = monotonic_ns()
        set_quickack(self.tcp)
        soup_framer_received(&self.framer, <size_t>count)
        while soup_framer_next(&self.framer, &packet) > 0:
            if packet.packet_type == SOUP_UNSEQUENCED_DATA:
                self._take(&packet, now)
        return True

    cdef Trigger* _trigger(self, uint32_t quantity) noexcept nogil:
        """Of the present batch, by its number; NULL when it is of none."""
        cdef uint64_t first = self.flow.first_trigger % MAX_NUMBER
        cdef uint64_t index
        if quantity < 1 or quantity > MAX_NUMBER:
            return NULL
        index = (quantity - 1 + MAX_NUMBER - first) % MAX_NUMBER
        return &self.triggers[index] if index < self.trigger_at else NULL

    cdef void _take(self, const SoupPacket* packet, int64_t now) noexcept nogil:
        cdef OuchInEnterOrder order
        cdef Trigger* trigger
        if packet.payload[0] != OUCH_IN_ENTER_ORDER or ouch_decode_in_enter_order(
                packet.payload, packet.payload_length, &order) < 0:
            self.strangers += 1
            return
        trigger = self._trigger(order.quantity)
        if order.side != OUCH_BUY or order.price != ASK_TICK * TICK or order.time_in_force != OUCH_TIF_IOC:
            self.wrong += 1
        elif trigger == NULL:
            self.late += 1
        elif trigger.arrived_ns:
            self.wrong += 1
        else:
            trigger.arrived_ns = now
            if <uint32_t>(trigger - self.triggers) >= self.warm_triggers:
                self.answered += 1
                self.last_arrival_ns = now
        self._reply(&order, now)

    cdef void _reply(self, const OuchInEnterOrder* order, int64_t now) noexcept nogil:
        """Accepted, and as there is nobody to trade with, its remainder is cancelled."""
        cdef OuchOutOrderAccepted accepted
        cdef OuchOutOrderCanceled canceled
        cdef uint8_t* out
        cdef int size
        if OUT_BYTES - self.out_tail < REPLY_BYTES:
            self._flush()
            if OUT_BYTES - self.out_tail < REPLY_BYTES:
                self.busy += 1
                return
        if self.out_head == self.out_tail:
            self.reply_due_ns = now + REPLY_LATEST_NS
        self.orders += 1
        memset(&accepted, 0, sizeof(accepted))
        accepted.timestamp_ns = now
        accepted.user_ref_num = order.user_ref_num
        accepted.side = order.side
        accepted.quantity = order.quantity
        memcpy(accepted.symbol, order.symbol, 8)
        accepted.price = order.price
        accepted.time_in_force = order.time_in_force
        accepted.display = order.display
        accepted.order_reference_number = self.orders
        accepted.capacity = order.capacity
        accepted.iso_eligibility = order.iso_eligibility
        accepted.cross_type = order.cross_type
        accepted.order_state = c'L'
        memcpy(accepted.cl_ord_id, order.cl_ord_id, 14)
        accepted.appendage.present = True
        out = self.out + self.out_tail
        size = ouch_encode_out_order_accepted(&accepted, out + SOUP_HEADER_LENGTH, REPLY_BYTES - SOUP_HEADER_LENGTH)
        self.out_tail += <size_t>soup_encode_header(SOUP_SEQUENCED_DATA, <size_t>size, out, REPLY_BYTES)
        memset(&canceled, 0, sizeof(canceled))
        canceled.timestamp_ns = now
        canceled.user_ref_num = order.user_ref_num
        canceled.quantity = order.quantity
        canceled.reason = OUCH_CANCEL_IOC_REMAINDER
        out = self.out + self.out_tail
        size = ouch_encode_out_order_canceled(&canceled, out + SOUP_HEADER_LENGTH, 64)
        self.out_tail += <size_t>soup_encode_header(SOUP_SEQUENCED_DATA, <size_t>size, out, 128)

    cdef void _flush(self) noexcept nogil:
        cdef Py_ssize_t count
        while self.out_head != self.out_tail:
            count = tcp_send(self.tcp, self.out + self.out_head, self.out_tail - self.out_head)
            if count <= 0:
                if count == -EAGAIN:
                    self.busy += 1
                else:
                    self.closed = True
                return
            self.out_head += <size_t>count
        self.out_head = self.out_tail = 0
