"""Durable position in the flow. See progress.pxd."""
from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy, memset

import hashlib
import mmap
import os

cdef uint64_t MAGIC = 0x31574F4C4656524E


cdef class FlowProgress:
    def __init__(self, path, str flow_id, str source):
        cdef char identity[232]
        cdef Py_ssize_t room = sizeof(identity) - 1
        # a digest keeps any length of names apart; the text in front of it is for people
        text = f"{flow_id[:60]} {source[:60]} {hashlib.sha256(f'{flow_id}\0{source}'.encode()).hexdigest()}".encode()
        text = text[max(len(text) - room, 0):]
        memset(identity, 0, sizeof(identity))
        memcpy(identity, <const char*>text, len(text))
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.ftruncate(fd, sizeof(ProgressBlock))
            self._map = mmap.mmap(fd, sizeof(ProgressBlock))
        finally:
            os.close(fd)
        self._view = self._map
        self.block = <ProgressBlock*>&self._view[0]
        self.resumed = self.block.magic == MAGIC and memcmp(self.block.identity, identity, sizeof(identity)) == 0
        if not self.resumed:
            self.block.magic = 0
            self.block.position = 0
            self.block.started = 0
            self.block.clock_ns = 0
            memcpy(self.block.identity, identity, sizeof(identity))
            self.block.magic = MAGIC

    @property
    def position(self):
        return self.block.position

    @property
    def started(self):
        return self.block.started != 0

    def close(self):
        self._map.flush()
