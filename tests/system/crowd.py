"""Thousands of subscribers in one process, each of which comes back where it was when it loses its connection."""

import collections
import errno
import heapq
import random
import select
import socket
import struct
import time

import wire

RETRY = (0.02, 0.3)  # seconds before another attempt, drawn anew for each


class Member:
    """One session: where it is in the topic, and what it was told at the end."""

    __slots__ = ("number", "socket", "read", "next", "goodbye", "draining", "is_up", "connects")

    def __init__(self, number):
        self.number = number
        self.socket = None
        self.read = bytearray()
        self.next = 0
        self.goodbye = None
        self.draining = None
        self.is_up = False
        self.connects = 0


class Crowd:
    """Moves on in run(); a record that is not the next one of its member is an error."""

    def __init__(self, server, topic, count, seed=1):
        self.server, self.topic = server, topic
        self.random = random.Random(seed)
        self.members = [Member(number) for number in range(count)]
        self.by_socket = {}
        self.poll = select.epoll()
        self.waiting = [(0.0, member.number) for member in self.members]
        self.comes_back = True
        self.goodbyes = collections.Counter()  # by code

    def close(self):
        for member in self.members:
            if member.socket:
                member.socket.close()
        self.poll.close()

    def all_up(self):
        return all(member.is_up for member in self.members)

    def all_read(self, count):
        return all(member.next == count for member in self.members)

    def connected(self):
        return len(self.by_socket)

    def run(self, until, within=60, what="the crowd"):
        """Until `until()` is so."""
        deadline = time.monotonic() + within
        while not until():
            if time.monotonic() > deadline:
                up = sum(member.is_up for member in self.members)
                raise AssertionError(f"{what}: not within {within} s; {up} of {len(self.members)} are up, "
                                     f"{self.connected()} connected")
            self.step()

    def step(self, wait=0.02):
        now = time.monotonic()
        while self.comes_back and self.waiting and self.waiting[0][0] <= now:
            self._connect(self.members[heapq.heappop(self.waiting)[1]])
        for descriptor, _ in self.poll.poll(wait):
            member = self.by_socket.get(descriptor)
            if member is not None:
                self._receive(member)

    def _connect(self, member):
        member.socket = socket.socket()
        try:
            member.socket.connect((self.server.host, self.server.port))
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ECONNRESET):
                raise
            return self._lost(member)
        member.connects += 1
        member.goodbye = member.draining = None
        member.read.clear()
        cursor = {"cursors": [{"partition": 0, "next_offset": member.next}]}
        hello = (wire.stanza(1, identity={"protocol_version": 1, "eid": f"member-{member.number}"}),
                 wire.stanza(2, subscribe={"topic": self.topic, "credit": 1000, "cursors": cursor}))
        try:
            member.socket.sendall(wire.PREFACE + b"".join(wire.frame(one.SerializeToString()) for one in hello))
        except ConnectionError:
            return self._lost(member)
        member.socket.setblocking(False)
        self.by_socket[member.socket.fileno()] = member
        self.poll.register(member.socket.fileno(), select.EPOLLIN)

    def _receive(self, member):
        try:
            data = member.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            return self._lost(member)
        member.read += data
        while len(member.read) >= 4:
            end = 4 + struct.unpack_from(">I", member.read)[0]
            if len(member.read) < end:
                break
            self._take(member, wire.stanza_pb2.Stanza.FromString(bytes(member.read[4:end])))
            del member.read[:end]

    def _take(self, member, stanza):
        body = stanza.WhichOneof("body")
        if body == "subscribed":
            member.is_up = True
        elif body == "goodbye":
            member.goodbye = stanza.goodbye
        elif body == "draining":
            member.draining = stanza.draining
        elif body == "delivery":
            for record in stanza.delivery.records:
                if record.offset != member.next:
                    raise AssertionError(f"member {member.number} got offset {record.offset}, not {member.next}")
                member.next += 1
        elif body not in ("welcome", "ping"):
            raise AssertionError(f"member {member.number} was told {stanza}")

    def _lost(self, member):
        member.is_up = False
        pause = self.random.uniform(*RETRY)
        descriptor = member.socket.fileno()
        if self.by_socket.pop(descriptor, None):
            self.poll.unregister(descriptor)
            if member.goodbye:
                self.goodbyes[member.goodbye.code] += 1
                pause += member.goodbye.retry_after_ms / 1000
        member.socket.close()
        member.socket = None
        heapq.heappush(self.waiting, (time.monotonic() + pause, member.number))
