"""ROMFS images: made by mpremote's builder, read back by a reader of our own (format: MicroPython's docs/reference/romfs.rst).

An image is one record: D2 CD 31, then its length; records in it have a kind and a length, both as base-128 numbers, high
byte first with bit 7 = more follow. A directory holds its name and records, a file its name and a record with its bytes.

Traps avoided: everything is written sorted, so that one program gives one image; a folder's own files come behind its folders, so
that build.json, which changes with every commit, moves nothing else and most blocks of two builds are the same.
"""

from mpremote.romfs import VfsRomWriter

from host_tools.flash.errors import FlashError

HEADER = b"\xd2\xcd\x31"
KIND_PADDING, KIND_VERBATIM, KIND_DIRECTORY, KIND_FILE = 1, 2, 4, 5


def build_romfs(files: dict[str, bytes]) -> bytes:
    """{path: content} -> image."""
    writer = VfsRomWriter()
    _write_folder(writer, files)
    return bytes(writer.finalise())


def _write_folder(writer: VfsRomWriter, files: dict[str, bytes]) -> None:
    folders: dict[str, dict[str, bytes]] = {}
    for path in sorted(files):
        folder, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(folder, {})[rest] = files[path]
    for folder, inner in folders.items():
        writer.opendir(folder)
        _write_folder(writer, inner)
        writer.closedir()
    for path in sorted(files):
        if "/" not in path:
            writer.mkfile(path, files[path])


def read_romfs(image: bytes) -> dict[str, bytes]:
    """Image -> {path: content}; FlashError when it is none."""
    if not image.startswith(HEADER):
        raise FlashError("this is no ROMFS image: it does not begin with D2 CD 31")
    try:
        length, begin = _number(image, len(HEADER))
        if begin + length > len(image):
            raise IndexError
        files: dict[str, bytes] = {}
        _read_folder(image, begin, begin + length, "", files)
    except (IndexError, UnicodeDecodeError) as fault:
        raise FlashError("the ROMFS image is cut short or damaged") from fault
    return files


def _number(data: bytes, at: int) -> tuple[int, int]:
    """-> (number, offset behind it)."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at


def _read_folder(data: bytes, at: int, end: int, prefix: str, files: dict[str, bytes]) -> None:
    while at < end:
        kind, at = _number(data, at)
        length, at = _number(data, at)
        if at + length > end:
            raise IndexError
        if kind in (KIND_DIRECTORY, KIND_FILE):
            size, begin = _number(data, at)
            name = prefix + data[begin : begin + size].decode("ascii")
            if kind == KIND_DIRECTORY:
                _read_folder(data, begin + size, at + length, name + "/", files)
            else:
                files[name] = _content(data, begin + size, at + length)
        at += length


def _content(data: bytes, at: int, end: int) -> bytes:
    while at < end:
        kind, at = _number(data, at)
        length, at = _number(data, at)
        if kind == KIND_VERBATIM:
            return data[at : at + length]
        at += length
    raise IndexError
