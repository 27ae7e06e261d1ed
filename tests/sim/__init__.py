"""Simulation: the whole firmware under one seed on a virtual clock, with faults, and judges that do not believe it (design section 9).

    python -m tests.sim --seeds 100 --from 0 --days 2        many runs; the first failure prints how to repeat it
    python -m tests.sim --mutants                             does each deliberate bug get caught?

What lives longer than one life of the firmware is in world.py; actors and faults are drawn in options.py; judge*.py decide.
"""
