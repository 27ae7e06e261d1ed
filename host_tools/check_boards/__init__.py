"""Checks the folders of board_configs/: complete, no pin used twice, a flash layout that holds; and computes their figures."""
