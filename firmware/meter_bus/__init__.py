"""Whom to ask next on the half-duplex line, with relay orders ahead of everything (design sections 5 and 8)."""
