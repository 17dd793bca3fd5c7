"""The providers' twin: their wire formats over loopback, from a corpus of made-up or imported creators."""
