"""What the runtime image carries besides C: asyncio, the mount of the file system, and the board's wiring. Never built."""
# ruff: noqa: F821 - the build that runs this file defines its functions

include("$(PORT_DIR)/boards/manifest.py")
freeze("frozen", opt=3)
freeze("..", "wiring.py", opt=3)
