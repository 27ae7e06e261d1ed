"""Which lives count on the way to safe mode: those that our own fault or the watchdog ended, and no power cut. Both interpreters."""

from firmware import boot
from tests.fake_board import fresh_root
from tests.kit import cases, eq

POWER_ON, RESET, WATCHDOG, SOFT, UNKNOWN = 1, 2, 3, 5, 0


def lives(*story):
    """A story of (cause, how it ended) -> lives in a row that broke, as the next one finds them."""
    root = fresh_root()
    for cause, end in story:
        boot.begin(root, cause)
        if end == "broke":
            boot.broke(root)
        elif end == "settled":
            boot.settled(root)
        elif end == "sound":
            boot.settled(root)
            boot.sound(root)
        elif end == "served":
            boot.sound(root)
        elif end == "tried":
            boot.excused(root, boot.LIVES_THAT_BREAK - 1)
    return root


def check(note, story, cause, broken):
    root = lives(*story)
    eq(boot.broken(root, cause), broken, note)
    eq(boot.broken(root, cause), broken, "looking changes nothing")
    eq(boot.begin(root, cause)[2], broken, "the life itself is told the same")


def test_only_lives_that_broke_count():
    broke = (RESET, "broke")
    cases(
        (
            ("nothing yet", (), POWER_ON, 0),
            ("three faults", (broke, broke, broke), RESET, 3),
            ("three hangs", ((POWER_ON, ""), (WATCHDOG, ""), (WATCHDOG, "")), WATCHDOG, 3),
            ("three crashes", ((POWER_ON, ""), (SOFT, ""), (SOFT, "")), SOFT, 3),
            ("a fault is one, though the chip calls each reset a soft one", ((SOFT, "broke"), (SOFT, "broke")), SOFT, 2),
            ("somebody presses the button", ((RESET, ""),) * 5, RESET, 0),
            ("seven brown-outs", ((POWER_ON, ""),) * 7, POWER_ON, 0),
            ("seven kills of a process", ((UNKNOWN, ""),) * 7, UNKNOWN, 0),
            ("brown-outs between faults hide no bug", (broke, (POWER_ON, ""), broke, (POWER_ON, ""), broke), RESET, 3),
            ("a fault is one, though the chip calls each reset the watchdog's", ((WATCHDOG, "broke"), (WATCHDOG, "broke")), WATCHDOG, 2),
            ("settled is not sound: it may break each minute", (broke, broke, (RESET, "settled")), WATCHDOG, 3),
            ("a sound life forgets", (broke, broke, (RESET, "sound")), RESET, 0),
            ("a sound life that hangs later begins to count", (broke, broke, (RESET, "sound")), WATCHDOG, 0),
            ("a board that was served begins anew", (broke, broke, (RESET, "served")), WATCHDOG, 0),
            ("one try", (broke, broke, broke, (RESET, "tried")), RESET, 2),
            ("one try that fails leads straight back", (broke, broke, broke, (RESET, "tried"), broke), RESET, 3),
            ("one try that hangs, too", (broke, broke, broke, (RESET, "tried"), (RESET, "")), WATCHDOG, 3),
        ),
        check,
    )


def test_the_file_of_an_older_porch_is_read_and_a_damaged_one_counts_as_nothing():
    root = fresh_root()
    for text, told in (("7 2\n", (8, 3, 0)), ("7 2 1 0\n", (8, 3, 1)), ("", (1, 1, 0)), ("7 2 x 0", (1, 1, 0)), ("7 2 1", (1, 1, 0))):
        with open(root + "/boot_count", "w") as file:
            file.write(text)
        eq(boot.begin(root, POWER_ON), told, text)


def test_lives_that_break_again_and_again_rest_longer_and_settled_ones_do_not():
    root = lives(*((RESET, "broke"),) * 5)
    eq(boot.rest_s(root), 4)
    boot.settled(root)
    eq((boot.rest_s(root), boot.broken(root)), (0, 5))
