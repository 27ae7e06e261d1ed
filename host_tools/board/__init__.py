"""What an installer asks a gateway over its serial console (SPEC section 7): `python -m host_tools.board status --port PORT`."""

from host_tools.board.console_client import ConsoleClient, Leaves, read_key
from host_tools.board.errors import BadInput, BoardTrouble

__all__ = ["BadInput", "BoardTrouble", "ConsoleClient", "Leaves", "read_key"]
