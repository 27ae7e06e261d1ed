"""What the runtime image carries besides C: asyncio, the mount of the file system, the board's wiring, and our application."""
# ruff: noqa: F821 - the build that runs this file defines its functions

include("$(MPY_DIR)/extmod/asyncio")
freeze("$(PORT_DIR)/modules", "rp2.py")
freeze("frozen", opt=3)
freeze("$(APPLICATION)")
