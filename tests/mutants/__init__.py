"""Every sync, checksum comparison and lock of the package, taken out one at a time."""
