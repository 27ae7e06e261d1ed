"""Journals as each format version left them on flash, kept for ever, and what was in them (SPEC 1).

`python -m tests.golden NAME` writes the images of the version that runs; they are made once, when a format is released, and never
again. A later firmware must read them to the same money, and go on behind them.
"""
