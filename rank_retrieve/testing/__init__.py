"""What do plug-in authors and our own tests need to hold an implementation to its contract?

Import the modules themselves: the conformance suites need pytest, which is no dependency.
"""

__all__: list[str] = []
