"""Bounded first-in first-out mailbox between tasks; its overflow has a name and a counter (DESIGN: bound everything).

The ring is allocated once; put and get allocate nothing. It is not a lock and does not wait: who waits pairs it with an
`aio.Event`. A full mailbox keeps what it has and refuses the new item; the caller decides what that means.

Trap avoided: taken items are cleared from the ring, so that a big buffer is not kept alive by an old slot.
"""

from firmware.base.faults import require


class Mailbox:
    """Mailbox(capacity, name): `dropped` counts the items refused since start; `name` says which mailbox it was."""

    def __init__(self, capacity, name="mailbox"):
        require(capacity > 0, "mailbox capacity must be positive")
        self.name = name
        self.dropped = 0
        self._ring = [None] * capacity
        self._head = 0
        self._count = 0

    def __len__(self):
        return self._count

    def put(self, item):
        """Add at the end -> True; False when full, counted in `dropped`. None is not an item: it means empty."""
        require(item is not None, "None is not an item")
        if self._count == len(self._ring):
            self.dropped += 1
            return False
        self._ring[(self._head + self._count) % len(self._ring)] = item
        self._count += 1
        return True

    def get(self):
        """Take the oldest item, or None when empty."""
        if not self._count:
            return None
        item = self._ring[self._head]
        self._ring[self._head] = None
        self._head = (self._head + 1) % len(self._ring)
        self._count -= 1
        return item

    def peek(self):
        """The oldest item without taking it, or None when empty."""
        return self._ring[self._head]
