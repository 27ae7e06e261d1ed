"""`flash.py`: builds what a board runs, puts it there, proves that it is there, and keeps a copy of what was there before.

Offline: board_folder (wiring.py and about.toml), application (.py -> .mpy -> ROMFS), slot (the descriptor behind an image),
files_image (littlefs), partition_table (ESP32), manifest, build (all of it into a folder).
"""
