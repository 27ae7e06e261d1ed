"""DL/T 645-2007, and the reads of -1997: bytes <-> meaning, without a clock or a port."""
