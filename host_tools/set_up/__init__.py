"""Sets up everything a checkout needs, once per machine, in a cache that clones share: `python3 -m host_tools.set_up`."""
