"""`make demo`: the whole product on one machine, told as a story in which every claim is checked while it happens."""
