"""What meters tell besides energy and supply, in words: EVENT codes 7 to 11 of SPEC 2.

A value of two numbers has the second in its low 32 bits.
"""

CLOCKS_SET, CLOCK_AFTER, CLOCK_FAR, COVER, TERMINAL_COVER = 7, 8, 9, 10, 11
METER_EVENTS = (CLOCKS_SET, CLOCK_AFTER, CLOCK_FAR, COVER, TERMINAL_COVER)


def two_values(value: int) -> tuple[int, int]:
    """The two numbers of an EVENT that has two: the second is signed, of 32 bits."""
    second = (value + 2**31) % 2**32 - 2**31
    return (value - second) >> 32, second


def off_by(seconds: int) -> str:
    """A clock beside the true time."""
    return f"{abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}" if seconds else "right"


def meter_event(code: int, value: int) -> str:
    """What a meter tells besides energy and supply."""
    if code == CLOCKS_SET:
        return f"the time was told to all meters: {value} clocks are off"
    if code == CLOCK_FAR:
        return f"the meter's clock is {off_by(value)}: somebody has to set it"
    before, after = two_values(value)
    if code in (COVER, TERMINAL_COVER):
        what = "the meter's cover" if code == COVER else "the cover of the meter's terminals"
        if after > before:
            return f"{what} was OPENED: {before} times before, {after} now"
        return f"{what} was opened {after} times so far: noted"
    return f"the meter's clock was {off_by(before)} before the time was told, and is {off_by(after)}"
