"""Why this life began, in the numbers of BOOT (SPEC 2): MicroPython's ports name the causes alike and number them differently.

As far as the chip can tell: on RP2 machine.reset() is the watchdog's work too, on ESP32 it counts as a soft reset.
"""

UNKNOWN = 0
_CODES = (("PWRON_RESET", 1), ("HARD_RESET", 2), ("WDT_RESET", 3), ("DEEPSLEEP_RESET", 4), ("SOFT_RESET", 5))


def cause_of(machine):
    """The code of machine.reset_cause(); UNKNOWN for one without a name here, and for a port that cannot tell."""
    if not hasattr(machine, "reset_cause"):
        return UNKNOWN
    cause = machine.reset_cause()
    for name, code in _CODES:
        if getattr(machine, name, None) == cause:
            return code
    return UNKNOWN
