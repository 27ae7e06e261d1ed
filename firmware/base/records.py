"""The only packer: named fields to bytes and back, every field checked for its range (DESIGN: words and units).

A `Layout` is a wire fact of flash or table rows: little endian, no padding, fields in the order given.

    ACCOUNT = Layout("account", (("account", U32), ("balance_ucu", I64), ("serial", BYTES6)))

get and set are called more often than anything else: on a board a function of more than 11 words of locals and stack takes its
frame from the heap, and looking for room there takes longer than the work. So they have few locals, and no try.

Trap avoided: MicroPython's struct and bytearray stores wrap silently on overflow where CPython raises; a wrapped amount
is lost money. So the range is checked here, on both, and a value out of range is Broken, naming field and value.
"""

from struct import pack_into, unpack_from

from firmware.base.faults import Broken

# a type is (struct code, size in bytes, lowest, highest); fixed bytes have no range
U8 = ("<B", 1, 0, 0xFF)
U16 = ("<H", 2, 0, 0xFFFF)
U32 = ("<I", 4, 0, 0xFFFFFFFF)
U64 = ("<Q", 8, 0, 0xFFFFFFFFFFFFFFFF)
I8 = ("<b", 1, -0x80, 0x7F)
I16 = ("<h", 2, -0x8000, 0x7FFF)
I32 = ("<i", 4, -0x80000000, 0x7FFFFFFF)
I64 = ("<q", 8, -0x8000000000000000, 0x7FFFFFFFFFFFFFFF)


def fixed_bytes(size):
    """Type of a field of exactly `size` bytes."""
    return ("<" + str(size) + "s", size, None, None)


BYTES4 = fixed_bytes(4)
BYTES6 = fixed_bytes(6)
BYTES8 = fixed_bytes(8)


class Layout:
    """Layout(name, ((field, type), ...)): `size` in bytes, `fields` the names in order.

    There are some twenty of them for ever, most for whole records only: where a field stands is worked out when it is first asked.
    """

    _places = {}  # field that was asked for -> offset << 8 | index; this one stays empty

    def __init__(self, name, fields):
        self.name = name
        self.fields = tuple([field for field, _ in fields])
        self._types = tuple([kind for _, kind in fields])
        self.size = 0
        self._code = "<"
        for code, size, _, _ in self._types:
            self.size += size
            self._code += code[1:]
        for index in range(len(self.fields)):
            if self.fields[index] in self.fields[:index]:
                raise Broken(name + ": field twice: " + self.fields[index])

    def pack_into(self, buf, start, values):
        """Write `values` (in field order) at buf[start:] -> end. Broken on any bad value; then nothing is written."""
        types = self._types
        if len(values) != len(types):
            raise Broken(self.name + ": " + str(len(values)) + " values for " + str(len(types)) + " fields")
        end = start + self.size
        if start < 0 or end > len(buf):
            self._outside(buf, start)
        index = 0
        for value in values:
            _, size, lowest, highest = types[index]
            if lowest is None:
                if not isinstance(value, (bytes, bytearray)) or len(value) != size:
                    self._out_of_range(index, value)
            elif type(value) is not int or not lowest <= value <= highest:
                self._out_of_range(index, value)
            index += 1
        pack_into(self._code, buf, start, *values)
        return end

    def unpack(self, buf, start):
        """Values at buf[start:] as a tuple in field order; fixed bytes as bytes. Broken when they reach past the end."""
        if start < 0 or start + self.size > len(buf):
            self._outside(buf, start)
        return unpack_from(self._code, buf, start)

    def get(self, buf, start, field):
        """One field of the record at buf[start:]."""
        if start < 0 or start + self.size > len(buf):
            self._outside(buf, start)
        place = self._places.get(field)
        if place is None:
            place = self._place(field)
        return unpack_from(self._types[place & 0xFF][0], buf, start + (place >> 8))[0]

    def set(self, buf, start, field, value):
        """Overwrite one field of the record at buf[start:]. Broken on a bad value; then nothing is written."""
        if start < 0 or start + self.size > len(buf):
            self._outside(buf, start)
        field = self._place(field)
        kind = self._types[field & 0xFF]
        if kind[2] is None:
            if not isinstance(value, (bytes, bytearray)) or len(value) != kind[1]:
                self._out_of_range(field & 0xFF, value)
        elif type(value) is not int or not kind[2] <= value <= kind[3]:
            self._out_of_range(field & 0xFF, value)
        start += field >> 8
        pack_into(kind[0], buf, start, value)

    def offset_of(self, field):
        """Bytes from the start of the record to `field`."""
        return self._place(field) >> 8

    def _place(self, field):
        place = self._places.get(field)
        return self._find(field) if place is None else place

    def _find(self, field):
        if not self._places:
            self._places = {}
        offset = 0
        for index in range(len(self.fields)):
            if self.fields[index] == field:
                self._places[field] = offset << 8 | index
                return offset << 8 | index
            offset += self._types[index][1]
        raise Broken(self.name + ": no field " + str(field))

    def _outside(self, buf, start):
        # a negative offset would count from the end, so it is refused as well
        raise Broken(self.name + ": " + str(self.size) + " bytes at " + str(start) + " of " + str(len(buf)))

    def _out_of_range(self, index, value):
        raise Broken(self.name + "." + self.fields[index] + ": out of range: " + repr(value))
