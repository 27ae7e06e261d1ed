"""What a person can mend, in one sentence: what is wrong and what to do next. Exit code 2, the board as it was."""


class FlashError(Exception):
    """The text is the sentence; it names the board, the port, the file or the field."""
