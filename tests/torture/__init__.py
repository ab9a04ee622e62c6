"""Attacks pressline as bad luck and bad people would, and compares what lands with an unbroken run.

`make torture` runs every campaign; tests/torture/test_slice.py runs a small part with a fixed seed. A campaign is a
function that gets a Session. Open first: session.py.
"""
