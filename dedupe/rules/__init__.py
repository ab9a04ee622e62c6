"""The rules on pairs and groups: when two texts are related, which pages form a story, which is the original.

May import: `dedupe.records`, `dedupe.signature`. Data comes as packed signatures; it leaves as relations and choices.
Open first: relation.py.
"""
