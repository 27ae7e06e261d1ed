"""What a room test may use besides the firmware: three checks that say what they saw, on both interpreters.

MicroPython prints nothing for a bare `assert`, so room tests call these instead. No room test imports pytest.
"""


def _shown(value):
    """Text of a value; bytes of any kind as hex, because frames are compared more often than texts."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        pairs = " ".join("%02x" % byte for byte in value)
        return "%s(%d: %s)" % (type(value).__name__, len(value), pairs)
    return "%s %r" % (type(value).__name__, value)


def eq(got, want, note=""):
    """Fail unless got == want, showing both; `note` says which one when a test compares many."""
    if not got == want:
        raise AssertionError("%s\n   got  %s\n   want %s" % (note or "not equal", _shown(got), _shown(want)))


def raises(wanted, fn, *args, **named):
    """Call fn and return the exception of type `wanted` it raised; fail when it returns or raises another."""
    try:
        got = fn(*args, **named)
    except wanted as raised:
        return raised
    raise AssertionError("%s was not raised\n   got  %s" % (wanted.__name__, _shown(got)))


def cases(rows, check):
    """Run check(*row) for every row, then fail once, naming each row that failed and why."""
    failed = []
    ran = 0
    for row in rows:
        try:
            check(*row)
        except Exception as fault:  # every row is tried; the failure below carries all of them
            failed.append("case %d %r: %s: %s" % (ran, row, type(fault).__name__, fault))
        ran += 1
    if failed:
        raise AssertionError("%d of %d cases failed\n%s" % (len(failed), ran, "\n".join(failed)))
    if not ran:
        raise AssertionError("no cases: a table that is empty proves nothing")
