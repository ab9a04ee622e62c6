"""Decides when two texts are related, which pages form a story, and which of them is the original.

May import: `dedupe.records`, `dedupe.signature`. Data comes as packed signatures; it leaves as relations and choices.
Open first: relation.py.
"""
