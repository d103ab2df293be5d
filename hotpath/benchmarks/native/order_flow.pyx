"""Order flow with an independent reference. See order_flow.pxd."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

MIXES = ("A", "B")


cdef class OrderFlow:
    def __cinit__(self, str mix, uint32_t count, uint64_t seed=1):
        cdef uint32_t i
        if mix not in MIXES:
            raise ValueError(f"mix {mix!r}: known are {', '.join(MIXES)}")
        if not 1 <= count <= 20_000_000:
            raise ValueError(f"count {count}: must be 1 to 20,000,000 commands")
        self.mix = mix
        self.cancel_filled = mix == "B"
        self.count = count
        self.prefill = TARGET_ORDERS
        self.width = 860
        self.random = seed * 2 + 1
        self.middle = MIDDLE
        self.next_reference = 1
        self.best[0] = -1
        self.best[1] = WINDOW
        self.commands = <Command*>calloc(self.prefill + count, sizeof(Command))
        self.orders = <ModelOrder*>calloc(self.prefill + count + 1, sizeof(ModelOrder))
        self.open = <uint32_t*>calloc(self.prefill + count, sizeof(uint32_t))
        if self.commands == NULL or self.orders == NULL or self.open == NULL:
            raise MemoryError(f"no memory for {count} commands")
        with nogil:
            for i in range(self.prefill):
                self._enter(&self.commands[i], COMMAND_NEW, i & 1, self._passive(i & 1), 1 + self._below(MAX_QUANTITY))
            self.trading = 0
            self.resting_sum = 0
            self.level_sum = 0
            for i in range(5):
                self.kinds[i] = 0
            for i in range(count):
                self._step(&self.commands[self.prefill + i])
        free(self.orders)
        free(self.open)
        self.orders = NULL
        self.open = NULL

    def __dealloc__(self):
        free(self.commands)
        free(self.orders)
        free(self.open)

    @property
    def expected(self):
        """What every correct engine counts over prefill and commands."""
        return {
            "trades": self.trades,
            "volume": self.volume,
            "unknown_cancels": self.unknown_cancels,
            "resting_orders": self.resting[0] + self.resting[1],
            "best_bid": self.best[0] * TICK if self.resting[0] else 0,
            "best_ask": self.best[1] * TICK if self.resting[1] else 0,
        }

    @property
    def statistics(self):
        """Shares of the timed commands in percent, averages over them."""
        names = ("new", "ioc", "cancel", "move")
        shares = {f"{name}_percent": round(100.0 * self.kinds[i + 1] / self.count, 2) for i, name in enumerate(names)}
        return {
            "commands": self.count,
            "prefill": self.prefill,
            **shares,
            "trading_percent": round(100.0 * self.trading / self.count, 2),
            "unknown_cancel_percent": round(100.0 * self.unknown_cancels / self.count, 2),
            "trades": self.trades,
            "volume": self.volume,
            "resting_orders_average": round(<double>self.resting_sum / self.count, 1),
            "levels_average": round(<double>self.level_sum / self.count, 1),
            "owners": OWNERS,
        }

    def commands_bytes(self):
        """All commands as packed structs (see order_flow.pxd), prefill first, for engines in another language."""
        return <bytes>(<char*>self.commands)[: <size_t>(self.prefill + self.count) * sizeof(Command)]

    @cython.overflowcheck(False)
    cdef uint32_t _below(self, uint32_t limit) noexcept nogil:
        cdef uint64_t z
        self.random += <uint64_t>0x9E3779B97F4A7C15
        z = self.random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        return <uint32_t>(((z >> 32) * limit) >> 32)

    # ---- the model ----

    cdef void _queue(self, uint32_t handle) noexcept nogil:
        cdef ModelOrder* order = &self.orders[handle]
        cdef int32_t tick = order.tick
        order.next = 0
        order.prev = self.tails[tick]
        if self.tails[tick]:
            self.orders[self.tails[tick]].next = handle
        else:
            self.heads[tick] = handle
            self.levels += 1
        self.tails[tick] = handle
        self.resting[order.side] += 1
        if order.side == 0:
            self.best[0] = max(self.best[0], tick)
        else:
            self.best[1] = min(self.best[1], tick)

    cdef void _unqueue(self, uint32_t handle) noexcept nogil:
        cdef ModelOrder* order = &self.orders[handle]
        cdef int32_t tick = order.tick
        if order.prev:
            self.orders[order.prev].next = order.next
        else:
            self.heads[tick] = order.next
        if order.next:
            self.orders[order.next].prev = order.prev
        else:
            self.tails[tick] = order.prev
        self.resting[order.side] -= 1
        if self.heads[tick]:
            return
        self.levels -= 1
        if order.side == 0:
            while self.best[0] >= 0 and not self.heads[self.best[0]]:
                self.best[0] -= 1
        else:
            while self.best[1] < WINDOW and not self.heads[self.best[1]]:
                self.best[1] += 1

    cdef void _match(self, uint32_t handle) noexcept nogil:
        cdef ModelOrder* taker = &self.orders[handle]
        cdef ModelOrder* maker
        cdef uint32_t found
        cdef uint32_t shares
        cdef int against = 1 - taker.side
        cdef uint64_t before = self.trades
        while taker.leaves and self.resting[against]:
            if (self.best[1] > taker.tick) if against else (self.best[0] < taker.tick):
                break
            found = self.heads[self.best[against]]
            maker = &self.orders[found]
            shares = min(taker.leaves, maker.leaves)
            taker.leaves -= shares
            maker.leaves -= shares
            self.trades += 1
            self.volume += shares
            if maker.leaves == 0:
                self._unqueue(found)
                if not self.cancel_filled:
                    self._forget(found)
        self.trading += self.trades != before

    # ---- the flow ----

    cdef int32_t _passive(self, int side) noexcept nogil:
        """A price near the middle that does not trade."""
        cdef int32_t distance = 1 + <int32_t>self._below(<uint32_t>self.width)
        if side == 0:
            return max(1, min(self.middle - distance, self.best[1] - 1))
        return min(WINDOW - 2, max(self.middle + distance, self.best[0] + 1))

    cdef void _keep(self, uint32_t handle) noexcept nogil:
        self.orders[handle].place = self.open_count
        self.open[self.open_count] = handle
        self.open_count += 1

    cdef void _forget(self, uint32_t handle) noexcept nogil:
        cdef uint32_t place = self.orders[handle].place
        cdef uint32_t last
        self.open_count -= 1
        last = self.open[self.open_count]
        self.open[place] = last
        self.orders[last].place = place

    cdef uint32_t _new(self, int side, uint32_t quantity) noexcept nogil:
        cdef ModelOrder* order
        self.order_count += 1
        order = &self.orders[self.order_count]
        order.reference = self.next_reference
        self.next_reference += 1
        order.side = <uint8_t>side
        order.total = quantity
        order.leaves = quantity
        order.owner = <unsigned short>(1 + self._below(OWNERS))
        return self.order_count

    cdef void _enter(self, Command* command, uint8_t kind, int side, int32_t tick, uint32_t quantity) noexcept nogil:
        cdef uint32_t handle = self._new(side, quantity)
        cdef ModelOrder* order = &self.orders[handle]
        order.tick = tick
        command.kind = kind
        command.side = c'S' if side else c'B'
        command.reference = order.reference
        command.order_id = handle
        command.price = <int64_t>tick * TICK
        command.quantity = quantity
        command.owner = order.owner
        self._match(handle)
        if kind == COMMAND_NEW:
            if order.leaves:
                self._queue(handle)
            if order.leaves or self.cancel_filled:
                self._keep(handle)

    cdef void _cancel(self, Command* command) noexcept nogil:
        cdef uint32_t handle = self.open[self._below(self.open_count)]
        cdef ModelOrder* order = &self.orders[handle]
        command.kind = COMMAND_CANCEL
        command.side = c'S' if order.side else c'B'
        command.reference = order.reference
        command.order_id = handle
        command.owner = order.owner
        self._forget(handle)
        if order.leaves:
            self._unqueue(handle)
            order.leaves = 0
        else:
            self.unknown_cancels += 1

    cdef void _move(self, Command* command) noexcept nogil:
        cdef uint32_t handle = self.open[self._below(self.open_count)]
        cdef ModelOrder* order = &self.orders[handle]
        command.kind = COMMAND_MOVE
        command.side = c'S' if order.side else c'B'
        command.reference = order.reference
        command.new_reference = self.next_reference
        command.order_id = handle
        command.owner = order.owner
        command.quantity = order.total
        self._unqueue(handle)
        order.reference = self.next_reference
        self.next_reference += 1
        if self._below(1000) < 20 and self.resting[1 - order.side]:
            order.tick = self.best[1 - order.side]
        else:
            order.tick = self._passive(order.side)
        command.price = <int64_t>order.tick * TICK
        self._match(handle)
        if order.leaves:
            self._queue(handle)
        else:
            self._forget(handle)

    cdef int _side(self) noexcept nogil:
        """Either at random, the one with fewer orders when they drift apart."""
        if self.resting[0] > self.resting[1] + 100:
            return 1
        if self.resting[1] > self.resting[0] + 100:
            return 0
        return <int>self._below(2)

    cdef void _step(self, Command* command) noexcept nogil:
        if self._below(1000) == 0:
            self.middle += 1 if self._below(2) else -1
            self.middle = max(MIDDLE - DRIFT, min(MIDDLE + DRIFT, self.middle))
        if self.cancel_filled:
            self._halves(command)
        else:
            self._mixed(command)
        self.kinds[command.kind] += 1
        self.resting_sum += self.resting[0] + self.resting[1]
        self.level_sum += self.levels

    cdef void _mixed(self, Command* command) noexcept nogil:
        """Flow A: 9 % new, 3 % IOC, 6 % cancel, 82 % move. IOC sizes hold the number of resting orders."""
        cdef uint32_t draw = self._below(10_000)
        cdef uint32_t resting = self.resting[0] + self.resting[1]
        cdef int side
        cdef int32_t tick
        if draw < 301 and self.resting[0] and self.resting[1]:
            side = 1 - self._side()     # takes from the side that may lose orders
            tick = self.best[1 - side]
            if resting > TARGET_ORDERS:
                tick += -40 if side else 40
                self._enter(command, COMMAND_IOC, side, tick, 1 + self._below(2 * MAX_QUANTITY))
            else:
                self._enter(command, COMMAND_IOC, side, tick, 1 + self._below(MAX_QUANTITY // 4))
        elif draw < 897 and self.open_count:
            self._cancel(command)
        elif draw < 1797 or not self.open_count:
            side = self._side()
            tick = self._passive(side)
            if self._below(1000) < 40 and self.resting[1 - side]:
                tick = self.best[1 - side]
            self._enter(command, COMMAND_NEW, side, tick, 1 + self._below(MAX_QUANTITY))
        else:
            self._move(command)

    cdef void _halves(self, Command* command) noexcept nogil:
        """Flow B: 50 % new, of which 5 % cross; 50 % cancel, every order once, filled or not."""
        cdef int side
        cdef int32_t tick
        cdef bint cancel = self._below(2)
        cdef uint32_t resting = self.resting[0] + self.resting[1]
        if resting > TARGET_ORDERS + 50:
            cancel = True
        elif resting < TARGET_ORDERS - 50 or self.open_count == 0:
            cancel = False
        if cancel:
            self._cancel(command)
            return
        side = self._side()
        tick = self._passive(side)
        if self._below(1000) < 50 and self.resting[1 - side]:
            tick = self.best[1 - side] + (-8 if side else 8)
        self._enter(command, COMMAND_NEW, side, tick, 1 + self._below(MAX_QUANTITY))
