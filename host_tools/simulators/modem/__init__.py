"""A simulated cellular modem on a pty: AT commands, a PPP peer, and a way out to the host's loopback by TCP, UDP and DNS.

    python -m host_tools.simulators.modem --port PATH [--control SOCKET] [--host NAME=ADDRESS ...]

No root, no tun device, no thread. It shares no code with `firmware/`: what a board says is answered by the standards alone.
Files: hdlc (framing), options and peer (LCP, PAP, IPCP), packets (IP, UDP, ICMP), names (DNS), tcp (one connection),
net (connections and host sockets), commands (AT), radio (loss, delay, bandwidth), line (the modem as a line), control, running.
"""
