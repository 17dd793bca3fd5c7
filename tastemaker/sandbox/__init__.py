"""The providers' simulator: their wire formats over loopback, from synthetic or imported data."""
