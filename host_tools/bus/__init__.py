"""Talks to meters straight over a serial port, with the firmware's own codec, asker and relay sequence.

port.py       the line on pyserial: direction, parity, and everything put back at the end
meter.py      address, model and password as people give them
talk.py       one question to one meter; what a meter's answers mean in words
read.py, scan.py, order.py          the commands that ask
sniff.py with ear.py, tape.py, told.py   the one that listens: frames and junk in time, saved and replayed
arguments.py, cli.py                what the command line takes, exit status
"""
