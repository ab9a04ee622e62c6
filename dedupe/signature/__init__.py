"""Turns a text into its signature: tokens, shingles, sketch, MinHash bands, packed bytes.

May import: nothing else of `dedupe`. Data comes as text; it leaves as a Signature or its bytes.
Open first: signature.py.
"""
