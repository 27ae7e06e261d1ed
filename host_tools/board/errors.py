"""Why a board gives no answer: one sentence for people, and the exit code by blame."""


class BadInput(Exception):
    """What a person typed is wrong: `field` names it. Exit code 2."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field


class BoardTrouble(Exception):
    """The board said no, or nothing, or is no running gateway: `kind` is one short word. Exit code 1."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
