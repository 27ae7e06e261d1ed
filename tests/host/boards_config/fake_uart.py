"""machine.UART of three ports, with what each knows and lacks; what is written comes back, as on a line whose receiver is on."""

from typing import Any

COMMON = {"baudrate", "bits", "parity", "stop", "timeout", "timeout_char", "rxbuf", "flow"}
KNOWN = {
    "esp32": COMMON | {"tx", "rx", "rts", "cts", "txbuf", "invert"},
    "rp2": COMMON | {"tx", "rx", "rts", "cts", "txbuf", "invert"},
    "stm32": COMMON | {"read_buf_len"},
}


def make_uart_class(platform: str, made: Any, pin_class: type) -> type:
    """The class, remembering in `made`."""

    class UART:
        def __init__(self, id: int, **settings: Any) -> None:
            made.calls["UART"] = {"id": id}
            self.sent = bytearray()
            self.driver_was_on: list[bool] = []
            self.init(**settings)

        def init(self, **settings: Any) -> None:
            unknown = settings.keys() - KNOWN[platform]
            if unknown:
                raise TypeError(f"extra keyword arguments given: {sorted(unknown)}")
            for name in ("tx", "rx"):
                pin = settings.get(name)
                if isinstance(pin, pin_class):
                    settings[name] = pin.number
            made.calls["UART"] |= settings
            made.uart = self

        def write(self, data: Any) -> int:
            self.sent += bytes(data)
            self.driver_was_on.append(dict(made.pins))  # type: ignore[arg-type]
            return len(data)

        def readinto(self, buf: Any) -> int | None:
            return None

        def txdone(self) -> bool:
            return True

        def deinit(self) -> None:
            made.calls["UART"]["closed"] = True

    return UART
