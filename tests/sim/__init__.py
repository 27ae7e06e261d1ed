"""Simulation: the whole firmware under one seed on a virtual clock, with faults, and judges that do not believe it (design section 9).

    python -m tests.sim --seeds 100 --from 0 --days 2     many runs (`make sim`); the first failure prints how to repeat it
    python -m tests.sim ... --shrink                       leaves out kinds of fault while it still fails
    python -m tests.sim --mutants --days 0.5               does each deliberate bug get caught? (`make sim-mutants`)
    python -m tests.sim.exhaustive [--limited]             every order of events for one account

    loop.py      the scheduler behind firmware/base/aio        options.py   what a run is made of, drawn from its seed
    world.py     lives, files; the composition                  actors.py    households, operator, and all that breaks
    board.py     the devices that it is fed with                demand.py    who is due must be cut in the end
    boards.py    boards that are lost, signed states
    flash.py     NOR that tears; tells what became durable      street.py    load curves, meters, the pair between
    link.py      link and MQTT broker                           central.py   the real head-end's logic on SQLite in memory
    books.py     a second fold of the records                   judge*.py    truth against records, promises and relays
    account.py   one account of it                              office.py    debts, credit limits, who moves out and in
    pots.py      its debts and credit limits                    moving.py    its accounts that move
    far.py       another gateway, to which accounts go
    rich.py      tariffs read by a clock of our own             place.py     where an account stands under them
    story.py     faults, healing, demanded convergence          mutants*.py  deliberate bugs for the judges (patching.py)
    cell.py      one account for exhaustive.py

Each actor draws from a stream of its own, named by seed and actor, so leaving one out leaves the others as they were.
What is patched in the firmware: how long idle tasks wait before they look around (world.IDLE), and the period of its tick, whose
seconds are then counted by its ticks. Nothing else; no code of the firmware judges itself here.
"""
