"""The meters of the site file, packed: 27 bytes each instead of half a kilobyte of objects (DESIGN: a heap that never moves its objects).

The list is filled while the file is read, in blocks of a few meters, so that no large hole in the heap is needed for it.
"""

from firmware.base.port import const
from firmware.base.records import Layout

BLOCK_METERS = const(32)
_METER = Layout("meter: account serial model password_level password tariff policy flags ratio", b"<I6sBB3sIIHH")


class MeterSettings:
    """One supply point: `serial` 6 bytes and `password` 3 bytes, low byte first as on the wire; `flags` of SPEC 4; `ratio` of
    the transformers before the meter, current times voltage."""


class MeterList:
    """`meters[index]` makes a MeterSettings from the packed bytes; changing it changes nothing here."""

    def __init__(self):
        self._blocks = []
        self._count = 0
        self._models = []  # names, each once

    def add(self, meter):
        """Put one behind the others."""
        block, place = divmod(self._count, BLOCK_METERS)
        if block == len(self._blocks):
            self._blocks.append(bytearray(BLOCK_METERS * _METER.size))
        if meter.model not in self._models:
            self._models.append(meter.model)
        values = (meter.account, meter.serial, self._models.index(meter.model), meter.password_level, meter.password)
        _METER.pack_into(self._blocks[block], place * _METER.size, values + (meter.tariff, meter.policy, meter.flags, meter.ratio))
        self._count += 1

    def get(self, index, name):
        """One number or the bytes of one meter: account, serial, tariff, policy, flags, ratio."""
        block, place = divmod(index, BLOCK_METERS)
        return _METER.get(self._blocks[block], place * _METER.size, name)

    def facts(self, index):
        """(account, serial, tariff, policy, flags, ratio) of one."""
        block, place = divmod(index, BLOCK_METERS)
        account, serial, _, _, _, tariff, policy, flags, ratio = _METER.unpack(self._blocks[block], place * _METER.size)
        return account, serial, tariff, policy, flags, ratio

    def models(self):
        """Names of the models, each once."""
        return list(self._models)

    def wired(self, index):
        """(serial, model name, password level, password, ratio) of one."""
        block, place = divmod(index, BLOCK_METERS)
        _, serial, model, level, password, _, _, _, ratio = _METER.unpack(self._blocks[block], place * _METER.size)
        return serial, self._models[model], level, password, ratio

    def model_of(self, index):
        """Name of its model."""
        return self._models[self.get(index, "model")]

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        if not 0 <= index < self._count:
            raise IndexError("no such meter")
        block, place = divmod(index, BLOCK_METERS)
        meter = MeterSettings()
        meter.account, meter.serial, model, meter.password_level, meter.password, meter.tariff, meter.policy, meter.flags, meter.ratio = (
            _METER.unpack(self._blocks[block], place * _METER.size)
        )
        meter.model = self._models[model]
        meter.address = address_text(meter.serial)
        return meter


def address_text(serial):
    """Bytes as on the wire -> the 12 digits on the meter's plate."""
    return "".join(["%02x" % serial[at] for at in range(len(serial) - 1, -1, -1)])
