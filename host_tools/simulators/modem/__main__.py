"""python -m host_tools.simulators.modem"""

from host_tools.simulators.modem.running import main

raise SystemExit(main())
