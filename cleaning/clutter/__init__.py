"""Everything that cuts: on the tree, on single lines, by position in the story, by an outlet's own rules.

May import: `cleaning.records`, `.text`, `.vocabulary`. Data comes in as a tree or as the lines of a Story; every cut
leaves as a Removed record with its kind and rule. Open first: line_cuts.py, where Story and Facts are defined.
"""
