"""Decodes captured meter traffic with the firmware's own codec: what the concentrator would have understood."""
