"""Head-end: the central system's own books on SQLite, and the other end of MQTT.

It shares no code with the firmware: the same promises written a second time are the oracle for the first.
"""
