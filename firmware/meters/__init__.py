"""Bytes <-> meaning for meters, and meter models as data. All files are pure.

model_document.py  `load_model(document) -> Model`; BadInput names the field.
model.py           `Model`, `enforceable(model, status_word) -> ENFORCEABLE or a reason`,
                   `Meter(serial, model, password_level, password)`: what the bus and a protocol are given.
models/*.json      one file per meter model; the name of the file is the name of the model.
dlt645/            the codec: frame, values, exchange, relay, items; protocol.py is the door for the bus:
                   `Dlt645Protocol()` answers the questions of base/questions.
"""
