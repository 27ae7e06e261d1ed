"""What a person typed or handed over is wrong: one sentence naming the field, exit status 2, nothing changed."""


class BadInput(Exception):
    """`field` names the place, the sentence says what is wrong."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field + ": " + sentence)
        self.field = field


class BadMessage(Exception):
    """A message from the wire does not verify or parse; `counter` names what is counted. Nothing changes."""

    def __init__(self, counter: str, sentence: str) -> None:
        super().__init__(sentence)
        self.counter = counter
