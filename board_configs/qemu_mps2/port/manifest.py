"""What the runtime image carries besides C: asyncio, the mount of the file system, the slots and the board's wiring."""
# ruff: noqa: F821 - the build that runs this file defines its functions

include("$(MPY_DIR)/extmod/asyncio")
freeze("modules", opt=3)
freeze("..", "wiring.py", opt=3)
