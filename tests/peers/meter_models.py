"""Shipped meter models for tests on the host."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware.meters.model import Model
from firmware.meters.model_document import load_model

FOLDER = Path(__file__).resolve().parents[2] / "firmware" / "meters" / "models"


def model(name: str, **changes: Any) -> Model:
    """The model of models/NAME.json, some of its fields changed."""
    document = json.loads((FOLDER / f"{name}.json").read_text())
    return load_model({**document, **changes})
