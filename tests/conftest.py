"""What must hold before any test imports a framework."""

import os

# Haystack would write to the home folder when it is imported, and call home when it runs
os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
# PyTerrier's reports on the retrievers that its suite tested are warnings
os.environ.setdefault("PT_TEST_TRANSFORMER_REPORTS", "0")
