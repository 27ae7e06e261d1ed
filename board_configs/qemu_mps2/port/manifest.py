# What the runtime image carries besides C: asyncio, the mount of the file system, and the board's wiring.
include("$(MPY_DIR)/extmod/asyncio")
freeze("modules", opt=3)
freeze("..", "wiring.py", opt=3)
