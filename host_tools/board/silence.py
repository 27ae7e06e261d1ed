"""A board that gives no answer, or says no, in one sentence: what it is and what to do next."""

import re

from host_tools.board.errors import BoardTrouble

RAW_PROMPT = b"raw REPL; CTRL-B"
PROMPTS = (b">>> ", RAW_PROMPT, b"MicroPython v")
ERROR = re.compile(rb"^([A-Z]\w*(Error|Fault|Exception|Input|Broken)\b[^\r\n]*)", re.M)
OTHER_VERSION = "the board speaks console protocol {its}, these tools speak {ours}: use the tools of its firmware's version"
SAID_CHARS = 60
SENTENCES = {
    "unknown": "the board does not know {name}: its firmware is older than these tools",
    "argument": "the board does not take this {what}",
    "account": "there is no such account on this board",
    "overtaken": "another question overtook this one: somebody else uses the console",
    "busy": "the board ends its work for maintenance and answers nothing else",
    "mac": "the key is not this gateway's: the board refuses maintenance",
    "challenge": "the board's challenge was used up or too old: ask again",
    "wait": "the board takes no order of maintenance for another {what} ms: a wrong key was tried",
    "storage": "the board cannot write its maintenance flag: its file system failed; the gateway goes on",
    "failed": "the board could not answer: {what}",
    "too_long": "the board found the request too long",
}


def is_blank(heard: bytes) -> bool:
    """Nothing but line ends and zeros, which an idle line gives."""
    return not heard.strip(b"\r\n \0")


def what_sits_there(port: str, heard: bytes, told: bool) -> BoardTrouble:
    """From what was heard while nobody answered; `told` = some of it was lines of a console."""
    errors = ERROR.findall(heard) if b"Traceback (most recent call last)" in heard else []
    if errors:
        fault = errors[-1][0].decode(errors="replace")
        return BoardTrouble("crashed", f"the board's application ends as soon as it begins: {fault}; flash it again")
    if any(prompt in heard for prompt in PROMPTS):
        return BoardTrouble(
            "prompt", "the board is at MicroPython's prompt: no application runs (maintenance, or not flashed); mpremote can talk to it"
        )
    if told:
        return BoardTrouble("version", "the board tells, but answers nothing: its firmware is older than these tools")
    if is_blank(heard):
        return BoardTrouble("silent", f"the board at {port} is silent: no power, not the console's port, or wrong baud rate")
    odd = sum(1 for byte in heard if byte > 126 or byte < 9)
    if odd * 4 > len(heard):
        return BoardTrouble("noise", f"what comes from {port} is no text: wrong baud rate, or not the console's port")
    said = heard[-SAID_CHARS:].decode(errors="replace")
    return BoardTrouble("stranger", f"what sits at {port} is no gateway's console: it said {said!r}")
