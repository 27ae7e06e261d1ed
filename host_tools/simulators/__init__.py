"""Simulated DL/T 645 meters on a simulated RS-485 line. Shares no code with `firmware`: it is the oracle."""
