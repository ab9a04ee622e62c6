"""Cuts clutter: elements of the tree, single lines, lines by their position, what an outlet's rules and history name.

May import: `cleaning.records`, `.text`, `.vocabulary`. Input is a tree or the lines of a Story; every cut leaves as a
Removed record with its kind and rule. Open first: line_cuts.py, where Story and PageFacts are defined.
"""
